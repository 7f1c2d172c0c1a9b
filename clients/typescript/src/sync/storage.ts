// The stored data, and the storage in memory. That of IndexedDB is in idb.ts.
import type { Task } from '../types.js';
import type { FieldName, TaskFields, WriteKind, WriteProblem } from './types.js';

/** A write in the outbox. Entries are ordered by `at`, then by `uid`. */
export interface Entry {
  /** Identifies the entry. It is also the first `key`. */
  uid: string;
  /** The Idempotency-Key. It is the same for each repetition of a request, and new if the request changes. */
  key: string;
  at: number;
  kind: WriteKind;
  /** The task, by its temporary id if the server had not answered yet. */
  id: number;
  fields: TaskFields;
  /** The server's task on which the write is based. Its version is the `If-Match`. */
  base: Task | null;
  state: 'queued' | 'conflict' | 'failed';
  /** When it was first sent, in milliseconds since 1970. From then on it may have been done, so its request must not change. */
  sent?: number;
  /** The highest id that was known when it was first sent. A task that the entry has created has a higher one. */
  after?: number;
  problem?: WriteProblem;
  /** The fields in conflict, and the server's task at that time. */
  conflict?: { fields: FieldName[]; theirs: Task | null };
}

/** The server's id of a task that was created with a temporary one, and the task as it was created. */
export interface Alias {
  temporary: number;
  id: number;
  task: Task;
  at: number;
}

/** A task that was deleted here. Older changes of it are ignored until the feed has its deletion. */
export interface Tombstone {
  id: number;
  version: number;
  gone: true;
}

/** The state of the copy: null if there is none, `plain` if the server has no versions. */
export type State = number | 'plain' | null;

/** A change of the stored data, made in one transaction. */
export interface Change {
  state?: State;
  put?: readonly (Task | Tombstone)[];
  remove?: readonly number[];
  entries?: readonly Entry[];
  dropped?: readonly string[];
  aliases?: readonly Alias[];
}

export interface Stored {
  /** The number of changes so far. */
  revision: number;
  state: State;
  tasks: readonly (Task | Tombstone)[];
  entries: readonly Entry[];
  aliases: readonly Alias[];
}

/** An outbox in memory, and the number of the last change that is in it. */
export interface Known {
  readonly revision: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Storage {
  load(): Promise<Stored>;
  /**
   * Makes a change of the current outbox in one transaction. Returns its number, or undefined if there is nothing to change. The
   * outbox is only read if `known` is not the current one.
   */
  commit(plan: (entries: Entry[]) => Change | undefined, known: Known): Promise<{ revision: number; change: Change } | undefined>;
  close(): void;
  destroy(): Promise<void>;
}

export const inOrder = (a: Entry, b: Entry): number => a.at - b.at || (a.uid < b.uid ? -1 : 1);

/** Keeps the outbox in memory. The tasks are only kept by the replica. */
export class MemoryStorage implements Storage {
  private revision = 0;
  private readonly entries = new Map<string, Entry>();

  async load(): Promise<Stored> {
    return { revision: this.revision, state: null, tasks: [], entries: [...this.entries.values()], aliases: [] };
  }

  async commit(plan: (entries: Entry[]) => Change | undefined): ReturnType<Storage['commit']> {
    const change = plan([...this.entries.values()].sort(inOrder));
    if (!change) return undefined;
    for (const uid of change.dropped ?? []) this.entries.delete(uid);
    for (const entry of change.entries ?? []) this.entries.set(entry.uid, entry);
    return { revision: (this.revision += 1), change };
  }

  close(): void {}

  async destroy(): Promise<void> {
    this.entries.clear();
  }
}
