import { useEffect, useState } from 'react';
import { openTasks, type TaskStore } from 'task-api-client/sync';
import type { Settings } from '@/lib/settings';
import { tokenOf } from '@/lib/token';

/** Opens the copy of a user's tasks while the component is shown. */
export function useStore({ apiUrl, tokenKind }: Settings, userId: string): TaskStore | undefined {
  const [store, setStore] = useState<TaskStore>();
  useEffect(() => {
    const opened = openTasks({ url: apiUrl, userId, token: tokenOf(userId, tokenKind) });
    setStore(opened);
    return () => {
      setStore(undefined);
      void opened.close();
    };
  }, [apiUrl, tokenKind, userId]);
  return store;
}
