import type { Snapshot, TaskStore } from 'task-api-client/sync';
import { ConflictCard } from './conflict-card';

/** The changes that would overwrite what was changed elsewhere. The person decides; until then both versions are kept. */
export function Conflicts({ store, snapshot: { conflicts } }: { store: TaskStore; snapshot: Snapshot }) {
  return conflicts.map((conflict) => (
    <ConflictCard key={conflict.uid} conflict={conflict} onResolve={(choice) => store.resolve(conflict, choice)} />
  ));
}
