import { useState } from 'react';
import type { FailedWrite, TaskStore } from 'task-api-client/sync';
import { WarningIcon } from './icons';

/** The changes that the server refused, with its reasons. They are kept until the person sends them again or drops them. */
export function FailedWrites({ store, failed }: { store: TaskStore; failed: readonly FailedWrite[] }) {
  return failed.map((write) => <FailedCard key={write.uid} store={store} write={write} />);
}

const WHAT = { create: 'added', update: 'changed', delete: 'deleted', restore: 'restored' } as const;

function FailedCard({ store, write: { uid, kind, fields, base, problem } }: { store: TaskStore; write: FailedWrite }) {
  const [title, setTitle] = useState(fields.title);
  return (
    <section className="decision card" aria-label="Not saved">
      <h2><WarningIcon /> “{fields.title ?? base?.title}” could not be {WHAT[kind]}</h2>
      <p role="alert" className="error">{problem.detail}</p>
      {kind === 'create' && <p className="hint">You can correct the task in the list. Then it is sent again.</p>}
      {title !== undefined && <label>Title <input value={title} maxLength={200} onChange={({ target }) => setTitle(target.value)} /></label>}
      <div className="buttons">
        <button type="button" onClick={() => store.retry(uid, title === undefined ? {} : { title })}>Send it again</button>
        <button type="button" className="quiet" onClick={() => store.discard(uid)}>Drop the change</button>
      </div>
    </section>
  );
}
