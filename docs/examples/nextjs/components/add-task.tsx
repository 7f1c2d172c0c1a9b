import { useRef, useState, type FormEvent } from 'react';
import type { NewTask } from 'task-api-client/sync';
import { EMPTY, fieldsOf, type Draft } from '@/lib/draft';
import { DetailFields } from './detail-fields';

/** The form for a new task: its title, and on demand the other fields. */
export function AddTask({ onAdd }: { onAdd: (fields: NewTask) => void }) {
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [isOpen, setOpen] = useState(false);
  const [error, setError] = useState('');
  const title = useRef<HTMLInputElement>(null);

  const add = (event: FormEvent) => {
    event.preventDefault();
    title.current?.focus();
    if (!draft.title.trim()) return setError('Write what you want to do.');
    onAdd(fieldsOf(draft));
    setDraft(EMPTY);
    setOpen(false);
    setError('');
  };

  return (
    <form className="add card" onSubmit={add} aria-label="New task">
      <div className="line">
        <input
          id="new-task" ref={title} aria-label="New task" placeholder="What do you want to do?" maxLength={200} autoComplete="off" value={draft.title}
          aria-invalid={error !== ''} aria-describedby={error ? 'new-task-error' : undefined}
          onChange={(event) => {
            setDraft({ ...draft, title: event.target.value });
            setError('');
          }}
        />
        <button type="button" className="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>Details</button>
        <button>Add</button>
      </div>
      {error && <p role="alert" id="new-task-error" className="error">{error}</p>}
      {isOpen && <DetailFields draft={draft} onChange={setDraft} />}
    </form>
  );
}
