import type { Task } from 'task-api-client';
import type { LocalTask } from 'task-api-client/sync';
import { describe, isOverdue } from '@/lib/due';
import { CalendarIcon } from './icons';

const SYNC: Record<LocalTask['sync'], string> = { saved: '', waiting: 'Not sent yet', conflict: 'Conflict', failed: 'Not saved' };

interface Props {
  task: Task & { sync?: LocalTask['sync'] };
  now: Date;
  onTag?: (tag: string) => void;
}

/** What is known of a task besides its title. */
export function TaskDetails({ task, now, onTag }: Props) {
  const { description, priority, due_date, tags, completed, sync = 'saved' } = task;
  const isLate = !completed && isOverdue(due_date, now);
  if (!description && priority === 'none' && !due_date && tags.length === 0 && sync === 'saved') return null;
  return (
    <div className="task-details">
      {description && <p className="description">{description}</p>}
      {priority !== 'none' && <span className={`priority ${priority}`}>{`${priority.charAt(0).toUpperCase()}${priority.slice(1)}`}<span className="for-screen-readers"> priority</span></span>}
      {due_date && (
        <span className={isLate ? 'due late' : 'due'}>
          <CalendarIcon />{isLate ? 'Overdue: ' : <span className="for-screen-readers">Due: </span>}
          <time dateTime={due_date}>{describe(due_date, now)}</time>
        </span>
      )}
      {tags.map((tag) => (onTag
        ? <button key={tag} type="button" className="tag" aria-label={`Show tasks with the tag ${tag}`} onClick={() => onTag(tag)}>{tag}</button>
        : <span key={tag} className="tag">{tag}</span>))}
      {sync !== 'saved' && <span className={`sync ${sync}`}>{SYNC[sync]}</span>}
    </div>
  );
}
