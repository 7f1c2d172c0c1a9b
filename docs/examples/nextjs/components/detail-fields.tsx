import { useId } from 'react';
import type { Priority } from 'task-api-client';
import type { Draft } from '@/lib/draft';

const LABELS: Record<Priority, string> = { none: 'No priority', low: 'Low', medium: 'Medium', high: 'High' };

/** The fields of a task besides its title. */
export function DetailFields({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const id = useId();
  const field = <Name extends keyof Draft>(name: Name) => ({
    value: draft[name],
    onChange: (event: { target: { value: string } }) => onChange({ ...draft, [name]: event.target.value }),
  });
  return (
    <div className="details">
      <label className="wide">Description <textarea rows={2} maxLength={1000} {...field('description')} /></label>
      <label>
        Priority
        <select {...field('priority')}>
          {Object.entries(LABELS).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
        </select>
      </label>
      <label>Due date <input type="date" max="9999-12-31" {...field('day')} /></label>
      <label>Time <input type="time" aria-describedby={`${id}-time`} {...field('time')} /></label>
      <label className="wide">Tags <input autoComplete="off" aria-describedby={`${id}-tags`} {...field('tags')} /></label>
      <p className="hint wide" id={`${id}-tags`}>Separate tags by commas.</p>
      <p className="for-screen-readers" id={`${id}-time`}>Optional, in your time zone. Without a day it is a time of today.</p>
    </div>
  );
}
