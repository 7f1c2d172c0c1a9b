// The deleted tasks, loaded while the trash is shown.
import { useCallback, useEffect, useState } from 'react';
import type { Snapshot } from 'task-api-client/sync';
import type { DeletedTask, Trash } from '@/lib/trash';

export interface TrashState {
  /** Undefined until the first answer. */
  tasks: readonly DeletedTask[] | undefined;
  problem: string;
  reload(): void;
}

/** Loads the trash, and again after each change of the tasks that the server has. */
export function useTrash(trash: Trash, { tasks, pending, status }: Snapshot): TrashState {
  const [deleted, setDeleted] = useState<readonly DeletedTask[]>();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState(0);
  const reload = useCallback(() => setAsked((asked) => asked + 1), []);
  const waiting = pending.filter(({ kind }) => kind === 'delete' || kind === 'restore').length;
  const isConnected = status === 'live' || status === 'online';

  useEffect(() => {
    if (!isConnected) return;
    let isLatest = true;
    trash.list().then((list) => {
      if (!isLatest) return;
      setDeleted(list);
      setProblem('');
    }, (error: unknown) => isLatest && setProblem(error instanceof TypeError ? 'The server cannot be reached.' : (error as Error).message));
    return () => void (isLatest = false);
  }, [trash, isConnected, waiting, tasks.length, asked]);

  // A restored task is in the list at once.
  const shown = new Set(tasks.map(({ id }) => id));
  return { tasks: deleted?.filter(({ id }) => !shown.has(id)), problem, reload };
}
