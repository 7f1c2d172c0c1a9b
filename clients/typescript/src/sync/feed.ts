// Keeps the copy equal to the server's tasks: the whole list, and what has changed since. Only the leading tab does this.
import { nextCursor } from '../pages.js';
import type { Task } from '../types.js';
import { complete } from './fields.js';
import type { Replica } from './replica.js';
import type { Change, Tombstone } from './storage.js';
import { Refused, type Transport } from './transport.js';
import type { FiredReminder } from './types.js';

// Statuses of servers that have no feed: the path is unknown, or `changes` is taken for the id of a task.
const UNSUPPORTED = [400, 404, 405, 422, 501];

interface Reminded {
  id: number;
  version: number;
  reminder: { n: number; at: string; late_by?: number };
}

export class Feed {
  /** Whether the server has `GET /api/tasks/changes`. */
  private hasChanges = true;
  private tag: string | null = null;
  /** The tasks that were written here while the list is being loaded: it may show them as they were before. */
  private answered: Set<number> | undefined;
  private loading: Promise<void> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly replica: Replica,
    private readonly reminded: ((reminder: FiredReminder) => void) | undefined,
  ) {}

  /** Brings the copy up to date. */
  async pull(signal: AbortSignal): Promise<void> {
    if (!this.canFollow) return this.list(signal);
    try {
      while (await this.page(signal));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (UNSUPPORTED.includes(error.status)) this.hasChanges = false;
      else if (error.status !== 410) throw error;
      await this.list(signal);
    }
  }

  /** Whether the server sends what has changed since the state of the copy. */
  get canFollow(): boolean {
    return this.hasChanges && typeof this.replica.state === 'number';
  }

  private async page(signal: AbortSignal): Promise<boolean> {
    const path = `/api/tasks/changes?since=${this.replica.state}&limit=1000`;
    const { data } = await this.transport.call<{ changes: unknown[]; state: number; has_more: boolean }>('GET', path, { signal });
    await this.apply(data.changes, data.state);
    return data.has_more;
  }

  /**
   * Applies changes, and stores the state after them in the same transaction. Then it passes the reminders on, so that none comes twice:
   * those up to the stored state have been passed on before.
   */
  async apply(changes: readonly unknown[], state: number): Promise<void> {
    let reminders: Reminded[] = [];
    await this.replica.commit((entries) => {
      const before = Number(this.replica.state);
      reminders = changes.filter(isReminder).filter(({ version }) => version > before);
      if (changes.length === 0 && state === this.replica.state) return undefined;
      const put = new Map<number, Task>();
      const removed = new Set<number>();
      const versionOf = (id: number) => (put.get(id) ?? this.replica.tasks.get(id) ?? this.replica.tombstones.get(id))?.version ?? -1;
      for (const change of changes) {
        if (isChanged(change) && change.task.version > versionOf(change.task.id)) {
          removed.delete(change.task.id);
          put.set(change.task.id, complete(change.task));
        } else if (isDeleted(change) && change.version > versionOf(change.id)) {
          put.delete(change.id);
          removed.add(change.id);
        } // other types are ignored
      }
      // A deletion here that waits for a decision has become needless.
      const needless = entries.filter((entry) => entry.kind === 'delete' && entry.state === 'conflict' && removed.has(entry.id));
      return { state, put: [...put.values()], remove: [...removed], dropped: needless.map(({ uid }) => uid) };
    });
    for (const { id: taskId, version, reminder: { n, at, late_by: lateBy = 0 } } of reminders) {
      try {
        this.reminded?.({ taskId, n, at, lateBy, version });
      } catch (error) {
        console.error(error); // the app's mistake does not end the synchronization
      }
    }
  }

  /** Loads the whole list in place of the copy. Calls at the same time share one request. The outbox is kept. */
  list(signal?: AbortSignal): Promise<void> {
    this.loading ??= this.load(signal).finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async load(signal: AbortSignal | undefined): Promise<void> {
    this.answered = new Set();
    // Others than the servers with versions may refuse the header in their CORS rules.
    const isKnown = this.tag !== null && typeof this.replica.state === 'number' && !this.hasChanges;
    const condition = isKnown ? { 'If-None-Match': this.tag as string } : {};
    const all: Task[] = [];
    let tag: string | null = null;
    // The server streams the whole list in one answer. Others may have pages; the tag of the first one is the state.
    for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page += 1) {
      const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const { data, response } = await this.transport.call<Task[] | { tasks: Task[] }>('GET', `/api/tasks${query}`, {
        headers: condition, timeout: 120_000, ...(signal && { signal }),
      });
      if (response.status === 304) return void (this.answered = undefined);
      if (page === 0) tag = response.headers.get('ETag');
      all.push(...(Array.isArray(data) ? data : data.tasks).map(complete));
      cursor = nextCursor(response);
    }
    const number = tag?.match(/^(?:W\/)?"(\d{1,16})"$/)?.[1];
    const state = number !== undefined && all.every(({ version }) => version > 0) ? Number(number) : 'plain';
    await this.replica.commit((entries) => {
      const { tasks, tombstones } = this.replica;
      const fresh = new Map(all.map((task) => [task.id, task]));
      const isOurs = (id: number) => this.answered?.has(id) && (fresh.get(id)?.version ?? 0) <= ((tasks.get(id) ?? tombstones.get(id))?.version ?? 0);
      const put = all.filter((task) => !isOurs(task.id) && JSON.stringify(task) !== JSON.stringify(tasks.get(task.id)));
      const remove = [...tasks.keys(), ...tombstones.keys()].filter((id) => !fresh.has(id) && !isOurs(id));
      const needless = entries.filter((entry) => entry.kind === 'delete' && entry.state === 'conflict' && remove.includes(entry.id));
      this.answered = undefined;
      if (put.length + remove.length === 0 && state === this.replica.state) return undefined;
      return { state, put, remove, dropped: needless.map(({ uid }) => uid) };
    });
    this.tag = tag;
  }

  /** Returns the change that an answer to an own write makes: nothing if the copy has it already, or something newer. */
  answer(task: Task): Change {
    const { state, tasks, tombstones } = this.replica;
    this.answered?.add(task.id);
    // All changes up to the state are in the copy. A task that is not there was deleted since.
    if (typeof state === 'number' && !this.answered && task.version <= state) return {};
    if (typeof state === 'number' && ((tasks.get(task.id) ?? tombstones.get(task.id))?.version ?? -1) >= task.version) return {};
    return { put: [task] };
  }

  /** Returns the change that the answer to an own deletion makes. `version` is the version that was deleted, if it is known. */
  deletion(id: number, version: number | undefined): Change {
    const { state, tasks } = this.replica;
    const known = tasks.get(id);
    this.answered?.add(id);
    if (!known) return {};
    if (typeof state !== 'number') return { remove: [id] };
    if (version !== undefined && known.version > version) return {}; // it was restored since
    // An older change of the task can still arrive.
    const tombstone: Tombstone = { id, version: known.version, gone: true };
    return { put: [tombstone] };
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isChanged = (value: unknown): value is { task: Task } => isObject(value) && value.type === 'changed' && isObject(value.task);
const isReminder = (value: unknown): value is Reminded => isObject(value) && value.type === 'reminder' && isObject(value.reminder);
const isDeleted = (value: unknown): value is { id: number; version: number } => isObject(value) && value.type === 'deleted';
