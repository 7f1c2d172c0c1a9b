import { useEffect, useId, useState } from 'react';
import type { Choice, Conflict } from 'task-api-client/sync';
import { FIELD_NAMES, isText, textOf } from '@/lib/values';
import { ConflictEditor } from './conflict-editor';
import { useFeedback } from './feedback';
import { WarningIcon } from './icons';

interface Props {
  conflict: Conflict;
  onResolve: (choice: Choice) => void;
}

const HEADS: Record<Conflict['kind'], (title: string) => string> = {
  'edited': (title) => `“${title}” was changed in two places`,
  'deleted': (title) => `“${title}” was deleted elsewhere while you changed it`,
  'edited-delete': (title) => `“${title}” was changed elsewhere while you deleted it`,
};

/** Shows both versions of a task, and the decisions. */
export function ConflictCard({ conflict, onResolve }: Props) {
  const { kind, fields, mine, theirs, base } = conflict;
  const [isEditing, setEditing] = useState(false);
  const { announce } = useFeedback();
  const id = useId();
  const now = new Date();
  const head = HEADS[kind](base?.title ?? theirs?.title ?? mine.title ?? 'A task');
  useEffect(() => announce(`Conflict: ${head}. Please decide.`), [announce, head]);
  const choose = (choice: Choice, text: string) => () => {
    onResolve(choice);
    announce(text);
    document.getElementById('new-task')?.focus();
  };

  return (
    <section className="decision card" aria-labelledby={id}>
      <h2 id={id}><WarningIcon /> {head}</h2>
      {kind === 'edited' && <p className="hint">Nothing is lost: both versions are kept until you decide.</p>}
      {isEditing && theirs ? (
        <ConflictEditor conflict={conflict} theirs={theirs} onCancel={() => setEditing(false)} onSave={(choice) => choose(choice, 'Saved')()} />
      ) : (
        <>
          {fields.map((name) => (
            <div key={name} className="versions">
              <h3>{FIELD_NAMES[name]}</h3>
              {kind !== 'edited-delete' && <div><h4>Your version</h4><p>{textOf(mine, name, now)}</p></div>}
              {kind === 'edited-delete' && base && <div><h4>Before</h4><p>{textOf(base, name, now)}</p></div>}
              {theirs && <div><h4>The other version</h4><p>{textOf(theirs, name, now)}</p></div>}
            </div>
          ))}
          <div className="buttons">
            {kind === 'edited' && <>
              <button type="button" onClick={choose('mine', 'Your version is kept')}>Keep mine</button>
              <button type="button" onClick={choose('theirs', 'The other version is kept')}>Keep theirs</button>
              {fields.some(isText) && <button type="button" className="quiet" onClick={() => setEditing(true)}>Edit both</button>}
            </>}
            {kind === 'deleted' && <>
              <button type="button" onClick={choose('restore', 'The task is restored')}>Restore it with my changes</button>
              <button type="button" onClick={choose('theirs', 'The task stays deleted')}>Leave it deleted</button>
            </>}
            {kind === 'edited-delete' && <>
              <button type="button" onClick={choose('theirs', 'The task is kept')}>Keep it</button>
              <button type="button" className="danger" onClick={choose('mine', 'The task is deleted')}>Delete it</button>
            </>}
          </div>
        </>
      )}
    </section>
  );
}
