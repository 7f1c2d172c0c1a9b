// The store in React.
import { useCallback, useSyncExternalStore } from 'react';
import type { Snapshot, TaskStore } from './sync/types.js';

const LOADING: Snapshot = { tasks: [], status: 'loading', isLoaded: false, pending: [], conflicts: [], failed: [] };

/**
 * Returns what a store shows, and renders again after each change. On a server, and while there is no store, it is an empty list
 * with the status `loading`.
 */
export function useTasks(store: Pick<TaskStore, 'subscribe' | 'getSnapshot'> | null | undefined): Snapshot {
  const subscribe = useCallback((listener: () => void) => store?.subscribe(listener) ?? (() => {}), [store]);
  return useSyncExternalStore(subscribe, () => store?.getSnapshot() ?? LOADING, () => LOADING);
}
