// The deleted tasks of the user.
import { useState } from 'react';
import type { Snapshot, TaskStore } from 'task-api-client/sync';
import { useNow } from '@/hooks/use-now';
import { useTrash } from '@/hooks/use-trash';
import type { Trash } from '@/lib/trash';
import { Confirmation } from './dialog';
import { useFeedback } from './feedback';
import { BackIcon } from './icons';
import { TaskDetails } from './task-details';

interface Props {
  store: TaskStore;
  snapshot: Snapshot;
  trash: Trash;
}

export function TrashView({ store, snapshot, trash }: Props) {
  const { tasks, problem, reload } = useTrash(trash, snapshot);
  const [isAsking, setAsking] = useState(false);
  const [emptyProblem, setEmptyProblem] = useState('');
  const { announce } = useFeedback();
  const now = useNow();
  const isConnected = snapshot.status === 'live' || snapshot.status === 'online';
  const empty = () => {
    trash.empty().then(() => {
      setEmptyProblem('');
      announce('The trash is empty.');
      reload();
    }, () => setEmptyProblem('The trash could not be emptied. Please try again.'));
  };

  return (
    <>
      <div className="title">
        <h1>Trash</h1>
        <a className="link" href="#"><BackIcon /> Back to the tasks</a>
      </div>
      {(problem || emptyProblem) && (
        <section className="notice" aria-label="Problem">
          <p role="alert">{emptyProblem || problem}</p>
          <button type="button" onClick={reload}>Try again</button>
        </section>
      )}
      {!isConnected && <p className="empty" role="status">The trash is on the server. It is shown when the server can be reached.</p>}
      {isConnected && !tasks && !problem && <p className="empty" role="status">Loading the trash…</p>}
      {isConnected && tasks?.length === 0 && <div className="empty" role="status"><p className="big">The trash is empty</p><p>Deleted tasks are kept here for a time, usually 30 days.</p></div>}
      {tasks && tasks.length > 0 && (
        <>
          <div className="bar">
            <p className="hint">Deleted tasks are kept for a time, usually 30 days.</p>
            <button type="button" className="danger" disabled={!isConnected} onClick={() => setAsking(true)}>Empty the trash</button>
          </div>
          <ul className="tasks card" aria-label="Deleted tasks">
            {tasks.map((task) => (
              <li key={task.id}>
                <span className="task task-title">{task.title}</span>
                <button
                  type="button" className="quiet" aria-label={`Restore: ${task.title}`}
                  onClick={() => {
                    store.restore(task);
                    announce(`Restored: ${task.title}`);
                  }}
                >
                  Restore
                </button>
                <TaskDetails task={task} now={now} />
                <p className="hint deleted-at">Deleted {new Date(task.deleted_at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}</p>
              </li>
            ))}
          </ul>
        </>
      )}
      {isAsking && (
        <Confirmation title="Empty the trash?" action="Erase all of them" onClose={() => setAsking(false)} onConfirm={empty}>
          <p>{tasks?.length === 1 ? 'One deleted task' : `${tasks?.length} deleted tasks`} will be erased. This cannot be undone.</p>
        </Confirmation>
      )}
    </>
  );
}
