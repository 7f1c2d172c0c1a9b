import { useEffect, useRef, useState } from 'react';
import type { LocalTask, TaskFields } from 'task-api-client/sync';
import { EditIcon, TrashIcon } from './icons';
import { TaskDetails } from './task-details';
import { TaskEditor } from './task-editor';

interface Props {
  task: LocalTask;
  now: Date;
  onComplete: (task: LocalTask, isCompleted: boolean) => void;
  onRemove: (task: LocalTask) => void;
  onTag: (tag: string) => void;
  /** `opened` is the task as it was shown when the person began to edit. */
  onSave: (fields: TaskFields, opened: LocalTask) => void;
}

/** A task in the list. The editor takes the place of its texts. */
export function TaskRow({ task, now, onComplete, onRemove, onTag, onSave }: Props) {
  const [opened, setOpened] = useState<LocalTask>();
  const edit = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !opened) edit.current?.focus();
    wasOpen.current = opened !== undefined;
  }, [opened]);

  return (
    <li data-task={task.key} data-sync={task.sync} className={task.completed ? 'completed' : undefined}>
      {opened ? (
        <TaskEditor
          task={opened} onCancel={() => setOpened(undefined)}
          onSave={(fields) => {
            setOpened(undefined);
            if (Object.keys(fields).length > 0) onSave(fields, opened);
          }}
        />
      ) : (
        <>
          <label className="task">
            <input type="checkbox" checked={task.completed} onChange={({ target }) => onComplete(task, target.checked)} />
            <span className="task-title">{task.title}</span>
          </label>
          <div className="actions">
            <button ref={edit} type="button" className="icon" data-action="edit" aria-label={`Edit: ${task.title}`} title="Edit (e)" onClick={() => setOpened(task)}><EditIcon /></button>
            <button type="button" className="icon" data-action="remove" aria-label={`Delete: ${task.title}`} title="Delete (Del)" onClick={() => onRemove(task)}><TrashIcon /></button>
          </div>
          <TaskDetails task={task} now={now} onTag={onTag} />
        </>
      )}
    </li>
  );
}
