import { useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import type { LocalTask, TaskFields } from 'task-api-client/sync';
import { changedFields, draftOf } from '@/lib/draft';
import { DetailFields } from './detail-fields';

interface Props {
  /** The task as it was shown when the person began to edit. */
  task: LocalTask;
  /** Gets only the fields that the person has changed. */
  onSave: (fields: TaskFields) => void;
  onCancel: () => void;
}

/** The editor of a task, in its row. */
export function TaskEditor({ task, onSave, onCancel }: Props) {
  const [draft, setDraft] = useState(() => draftOf(task));
  const [error, setError] = useState('');
  const title = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => title.current?.select(), []);

  const save = (event?: FormEvent) => {
    event?.preventDefault();
    if (draft.title.trim()) return onSave(changedFields(task, draft));
    setError('A task needs a title.');
    title.current?.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'Escape') onCancel();
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save();
  };

  return (
    <form className="editor" aria-label={`Edit: ${task.title}`} onSubmit={save} onKeyDown={pressed}>
      <label className="wide">
        Title
        <input
          ref={title} value={draft.title} maxLength={200} autoComplete="off" aria-invalid={error !== ''} aria-describedby={error ? `${id}-error` : undefined}
          onChange={({ target }) => {
            setDraft({ ...draft, title: target.value });
            setError('');
          }}
        />
      </label>
      {error && <p role="alert" id={`${id}-error`} className="error">{error}</p>}
      <DetailFields draft={draft} onChange={setDraft} />
      <div className="buttons">
        <button>Save</button>
        <button type="button" className="quiet" onClick={onCancel}>Cancel</button>
      </div>
    </form>
  );
}
