// A copy of a user's tasks that works offline and stays equal to the server's.
export { openTasks } from './store.js';
export type {
  Choice, Conflict, FailedWrite, FieldName, FiredReminder, LocalTask, NewTask, OpenTasksOptions, PendingWrite, Platform, Snapshot, SyncStatus, TaskFields,
  TaskStore, WriteKind, WriteProblem,
} from './types.js';
