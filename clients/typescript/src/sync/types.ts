// The public types of the store.
import type { ErrorCode, FieldError, Task } from '../types.js';

/** The fields of a task that a user can write. */
export type FieldName = 'title' | 'description' | 'completed' | 'priority' | 'tags' | 'due_date';
/** Values of some fields. A field that is absent or undefined stays as it is. */
export type TaskFields = { [Name in FieldName]?: Task[Name] | undefined };
/** The fields of a new task. */
export type NewTask = TaskFields & { title: string };

/** A task as the user sees it: the server's task with the writes that are not sent yet. */
export interface LocalTask extends Task {
  /**
   * The server's id, or a negative number until the server has answered. All functions of the store take both, also afterwards.
   */
  readonly id: number;
  /** Identifies the task in a list of an app, such as React's `key`. It stays the same when the server's id arrives. */
  readonly key: string;
  /**
   * `saved`: the server has it. `waiting`: a write is not sent or not answered yet. `conflict`: see `Snapshot.conflicts`.
   * `failed`: see `Snapshot.failed`.
   */
  readonly sync: 'saved' | 'waiting' | 'conflict' | 'failed';
}

/**
 * The state of the synchronization.
 * - `loading`: there is no copy of the tasks yet.
 * - `connecting`: the copy is shown, and its changes since are being fetched.
 * - `live`: each change arrives at once.
 * - `online`: changes are fetched every `pollSeconds`, because the server has no events or refuses them.
 * - `offline`: the server cannot be reached. Writes are kept and sent later.
 * - `signed-out`: there is no valid token. Writes are kept. Call `refresh` after the next sign-in of the same user.
 * - `closed`: the store was closed, or its copy was deleted.
 */
export type SyncStatus = 'loading' | 'connecting' | 'live' | 'online' | 'offline' | 'signed-out' | 'closed';

/** The kind of a write. */
export type WriteKind = 'create' | 'update' | 'delete' | 'restore';

/** A write that the server has not answered yet. */
export interface PendingWrite {
  readonly uid: string;
  readonly kind: WriteKind;
  readonly taskId: number;
  /** The written fields of a create or an update. */
  readonly fields: TaskFields;
  /** When the user made it, in milliseconds since 1970. */
  readonly at: number;
}

/** The reason for which the server refused a write. */
export interface WriteProblem {
  /** The HTTP status. 0 if the write could not be stored in the browser. */
  readonly status: number;
  readonly code: ErrorCode | undefined;
  /** One sentence that can be shown to people. */
  readonly detail: string;
  /** The mistakes of the fields. Empty unless the status is 422. */
  readonly errors: readonly FieldError[];
}

/** A write that the server refused, for example with 422. It is kept until `retry` or `discard`. */
export interface FailedWrite extends PendingWrite {
  readonly problem: WriteProblem;
  /** The task on which the user based the write. It is null for a create. */
  readonly base: Task | null;
}

/** A write that would overwrite what others have written since. Nothing was written. It is kept until `resolve`. */
export interface Conflict {
  readonly uid: string;
  readonly taskId: number;
  /**
   * `edited`: the task was changed elsewhere, in the same fields. `deleted`: the task was deleted elsewhere while it was changed
   * here. `edited-delete`: the task was changed elsewhere while it was deleted here.
   */
  readonly kind: 'edited' | 'deleted' | 'edited-delete';
  /** The fields in conflict. */
  readonly fields: readonly FieldName[];
  /** The values of the user. Empty for `edited-delete`. */
  readonly mine: TaskFields;
  /** The task as it is on the server. It is null if it was deleted. */
  readonly theirs: Task | null;
  /** The task on which the user based the write. It is null if the store did not have it. */
  readonly base: Task | null;
  readonly at: number;
}

/**
 * A decision of the user.
 * - `mine`: write the user's values (or delete the task) nevertheless.
 * - `theirs`: keep what the server has, and drop the user's values.
 * - fields: write these values instead, for example both texts one after the other.
 * - `restore`, only for `deleted`: take the task back from the trash, and write the user's values. `mine` does the same.
 * - `recreate`, only for `deleted`: create a new task with the user's values.
 */
export type Choice = 'mine' | 'theirs' | 'restore' | 'recreate' | TaskFields;

/** All that an app shows. Each change of the store makes a new object; tasks that did not change keep their objects. */
export interface Snapshot {
  /** The tasks, newest first. */
  readonly tasks: readonly LocalTask[];
  readonly status: SyncStatus;
  /** Whether there is a copy of the tasks. While it is false, an empty `tasks` does not mean that the user has no task. */
  readonly isLoaded: boolean;
  readonly pending: readonly PendingWrite[];
  readonly conflicts: readonly Conflict[];
  readonly failed: readonly FailedWrite[];
}

/** A reminder that has fired. */
export interface FiredReminder {
  readonly taskId: number;
  /** The place of the reminder in `reminders` of the task, from 1. */
  readonly n: number;
  /** The time for which it was set. */
  readonly at: string;
  /** The seconds by which the server was late. 0 if there were at most 10. */
  readonly lateBy: number;
  /** The number of the event, which is different for each. */
  readonly version: number;
}

export interface OpenTasksOptions {
  /** The address of the Task API, such as `http://127.0.0.1:8000`. */
  url: string;
  /**
   * Returns a token of the signed-in user. It is called again after 401. It rejects if no user is signed in.
   * A promise that does not settle within 30 s counts as offline, and the function is called again.
   */
  token: () => Promise<string>;
  /** The id of the signed-in user, for example the `sub` of the token. Each user has a copy of their own. */
  userId: string;
  /** Sends the requests. The default is the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** The seconds between two requests for changes if the server sends no events. Default: 30. */
  pollSeconds?: number;
  /**
   * Is called when a reminder fires, at most once for each, in the tab that synchronizes. After an absence it is called for each that has
   * fired since, so look at `lateBy` and `at`. Pass it in every tab: any of them can be the one.
   */
  onReminder?: ((reminder: FiredReminder) => void) | undefined;
  /** What the store takes from the browser. The default is the globals. An absent one makes the store work alone, in memory. */
  platform?: Platform;
}

/** The features of a browser that several tabs need to share a copy. */
export interface Platform {
  indexedDB?: IDBFactory | undefined;
  locks?: Pick<LockManager, 'request'> | undefined;
  BroadcastChannel?: typeof globalThis.BroadcastChannel | undefined;
}

/**
 * A copy of a user's tasks that stays equal to the server's. Each write is shown at once, stored, and sent when it can be. No
 * function waits for the server.
 */
export interface TaskStore {
  /** Returns the same object until something changes. */
  getSnapshot(): Snapshot;
  /** Calls a function after each change. Returns a function that ends this. */
  subscribe(listener: () => void): () => void;
  readonly status: SyncStatus;
  readonly pending: readonly PendingWrite[];
  readonly conflicts: readonly Conflict[];
  readonly failed: readonly FailedWrite[];
  /** Resolves when the stored copy was read. `isLoaded` is true then if there was one. */
  readonly ready: Promise<void>;

  /** Creates a task. Returns it with a temporary id. */
  create(fields: NewTask): LocalTask;
  /**
   * Changes fields of a task. `base` is the task as the user saw it when they began to edit, if that was not just now: changes of the
   * same fields that arrive while an editor is open become a conflict, and are not overwritten.
   */
  update(id: number, fields: TaskFields, base?: Task): void;
  setCompleted(id: number, completed: boolean): void;
  /** Sets `completed` to the opposite of what the user sees. A repeated request never flips it back. */
  toggle(id: number): void;
  remove(id: number): void;
  /**
   * Takes a deleted task back: from the outbox, if the deletion was not sent yet, else from the server's trash. If the server has
   * no trash, or the task is no longer there, it creates the task again. `task` is the task as it was shown before.
   */
  restore(task: Task): void;

  resolve(conflict: Conflict, choice: Choice): void;
  /** Sends a refused write again, with other fields if there are any. */
  retry(uid: string, fields?: TaskFields): void;
  /** Drops a refused write. If it is a create, the task and later changes of it are dropped too. */
  discard(uid: string): void;

  /** Asks the server at once, for example after a sign-in. */
  refresh(): void;
  /** Resolves when all writes so far are stored in the browser. */
  stored(): Promise<void>;
  /** Ends the synchronization in this tab. The copy and the outbox are kept. */
  close(): Promise<void>;
  /** Ends the synchronization in all tabs and deletes the copy and the outbox, for example at sign-out. */
  forget(): Promise<void>;
}
