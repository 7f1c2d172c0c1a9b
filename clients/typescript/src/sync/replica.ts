// The copy of one tab: the stored data in memory, and the tasks as the user sees them.
import type { Task } from '../types.js';
import { complete, withFields } from './fields.js';
import { looksLike } from './outbox.js';
import { inOrder, type Alias, type Change, type Entry, type State, type Storage, type Tombstone } from './storage.js';
import type { Conflict, FailedWrite, LocalTask, PendingWrite } from './types.js';

/** A change that was stored, as it is sent to the other tabs. */
export interface Committed {
  revision: number;
  change: Change;
}

export class Replica {
  readonly tasks = new Map<number, Task>();
  readonly tombstones = new Map<number, Tombstone>();
  readonly entries = new Map<string, Entry>();
  state: State = null;

  // Writes of this tab that are shown but not stored yet.
  private readonly unstored = new Map<string, Entry>();
  private readonly aliases = new Map<number, Alias>();
  private readonly temporaryOf = new Map<number, number>();
  private readonly deleted = new Map<number, Task>();
  private readonly inbox: Committed[] = [];
  revision = -1;
  private draining: Promise<void> | undefined;
  private commits: Promise<unknown> = Promise.resolve();
  private shown: LocalTask[] = [];
  // The tasks that were changed since they were last shown, and those that were shown with writes on top.
  private readonly dirty = new Set<number>();
  private touched: number[] = [];
  private readonly views = new Map<number, { task: Task | undefined; mark: string; view: LocalTask }>();

  constructor(
    private readonly storage: Promise<Storage>,
    private readonly changed: () => void,
    private readonly publish: (committed: Committed) => void,
  ) {}

  /** Replaces the data in memory by the stored data. */
  async load(): Promise<void> {
    const stored = await (await this.storage).load();
    if (stored.revision < this.revision) return; // something newer was read at the same time
    for (const map of [this.tasks, this.tombstones, this.entries]) map.clear();
    this.shown = [];
    this.revision = stored.revision;
    this.apply({ state: stored.state, put: stored.tasks, entries: stored.entries, aliases: stored.aliases });
  }

  /**
   * Changes the stored data, then the data in memory, then the other tabs. The plan gets the current outbox. Changes of one tab are
   * made one after the other, so a plan of the only tab that writes tasks can rely on the tasks in memory.
   */
  commit(plan: (entries: Entry[]) => Change | undefined, writes: readonly Entry[] = []): Promise<void> {
    const run = this.commits.then(async () => {
      const committed = await (await this.storage).commit(plan, this);
      if (!committed) return;
      this.publish(committed);
      const isNext = !this.draining && committed.revision === this.revision + 1;
      if (isNext) for (const { uid } of writes) this.unstored.delete(uid); // in one step with the change
      await this.receive(committed);
    });
    this.commits = run.catch(() => {});
    return run;
  }

  /** Shows writes at once, and stores them. Those that cannot be stored are refused writes of this tab. */
  async write(writes: readonly Entry[], plan: (entries: Entry[]) => Change): Promise<void> {
    for (const entry of writes) this.unstored.set(entry.uid, entry);
    if (writes.length > 0) this.changed();
    try {
      await this.commit(plan, writes);
    } catch (error) {
      const problem = { status: 0, code: undefined, detail: `The browser could not store the change: ${String(error)}`, errors: [] };
      for (const entry of writes) this.entries.set(entry.uid, { ...entry, state: 'failed', problem });
    }
    const left = writes.filter(({ uid }) => this.unstored.delete(uid) || this.entries.get(uid)?.problem?.status === 0);
    if (left.length > 0) this.changed();
  }

  /** Resolves when all changes of this tab so far are stored. */
  settled(): Promise<unknown> {
    return this.commits;
  }

  /** Applies a change of any tab. If one before it is missing, everything is read again. */
  async receive(committed: Committed): Promise<void> {
    if (!this.draining && committed.revision === this.revision + 1) {
      this.revision = committed.revision;
      return this.apply(committed.change);
    }
    this.inbox.push(committed);
    return (this.draining ??= this.drain());
  }

  private async drain(): Promise<void> {
    await null; // `draining` is set before this goes on
    try {
      for (;;) {
        const next = this.inbox.sort((a, b) => a.revision - b.revision).shift();
        if (!next) return;
        if (next.revision === this.revision + 1) {
          this.revision = next.revision;
          this.apply(next.change);
        } else if (next.revision > this.revision) {
          await this.load();
        }
      }
    } finally {
      this.draining = undefined;
    }
  }

  private apply({ state, put = [], remove = [], entries = [], dropped = [], aliases = [] }: Change): void {
    if (state !== undefined) this.state = state;
    for (const id of remove) this.forget(id);
    for (const item of put) {
      this.dirty.add(item.id);
      if ('gone' in item) {
        this.forget(item.id);
        this.tombstones.set(item.id, item);
      } else {
        this.tombstones.delete(item.id);
        this.tasks.set(item.id, item);
      }
    }
    for (const uid of dropped) this.entries.delete(uid);
    for (const entry of entries) this.entries.set(entry.uid, entry);
    for (const alias of aliases) {
      this.dirty.add(alias.temporary).add(alias.id);
      this.aliases.set(alias.temporary, alias);
      this.temporaryOf.set(alias.id, alias.temporary);
    }
    this.changed();
  }

  private forget(id: number): void {
    const task = this.tasks.get(id);
    if (task) this.deleted.set(id, task);
    this.views.delete(id);
    this.dirty.add(id);
    this.tasks.delete(id);
    this.tombstones.delete(id);
  }

  /** Returns the server's id for a temporary one, and other ids as they are. */
  readonly resolve = (id: number): number => {
    let alias = this.aliases.get(id);
    for (; alias; alias = this.aliases.get(id)) id = alias.id;
    return id;
  };

  /** Finds the task that a create has made whose answer did not arrive. It is judged by its texts. */
  createdBy(entry: Entry, except?: ReadonlySet<number>): Task | undefined {
    if (entry.sent === undefined) return undefined;
    for (const task of this.tasks.values()) {
      if (looksLike(entry, task) && !this.temporaryOf.has(task.id) && !except?.has(task.id)) return task;
    }
    return undefined;
  }

  /** Returns the server's task on which a write is based: the current one, or the last one that was known. */
  baseOf(id: number): Task | null {
    const real = this.resolve(id);
    return this.tasks.get(real) ?? this.deleted.get(real) ?? null;
  }

  /** Returns the outbox in its order, with the writes that are not stored yet. */
  outbox(): Entry[] {
    return [...new Map([...this.entries, ...this.unstored]).values()].sort(inOrder);
  }

  /** Returns the stored writes that are to be sent, in their order. */
  queue(): Entry[] {
    return [...this.entries.values()].filter(({ state }) => state === 'queued').sort(inOrder);
  }

  /** Returns the tasks as the user sees them, newest first. Tasks that did not change keep their objects. */
  view(): readonly LocalTask[] {
    const groups = new Map<number, Entry[]>();
    const hidden = new Set<number>();
    for (const entry of this.outbox()) {
      // The feed can be faster than the answer to a create, which can also be lost. The user would see the task twice.
      const created = entry.kind === 'create' && entry.state === 'queued' ? this.createdBy(entry, hidden) : undefined;
      if (created) hidden.add(created.id);
      const id = this.resolve(entry.id);
      const group = groups.get(id);
      if (group) group.push(entry);
      else groups.set(id, [entry]);
    }
    // Only these are looked at again, because there can be 50,000 tasks.
    const touched = [...groups.keys(), ...hidden];
    const affected = new Set([...this.dirty, ...this.touched, ...touched]);
    this.dirty.clear();
    this.touched = touched;
    const seen = [...affected].flatMap((id) => (hidden.has(id) ? [] : this.viewOf(id, groups.get(id) ?? []) ?? []));
    this.shown = merge(this.shown.filter(({ id }) => !affected.has(id)), seen.sort(newestFirst));
    return this.shown;
  }

  private viewOf(id: number, entries: readonly Entry[]): LocalTask | undefined {
    const task = this.tasks.get(id);
    const mark = entries.map((entry) => JSON.stringify([entry.kind, entry.state, entry.fields])).join();
    const old = this.views.get(id);
    const key = this.keyOf(id);
    if (old && old.task === task && old.mark === mark && old.view.key === key) return old.view;
    let seen: Task | undefined = task;
    let sync: LocalTask['sync'] = 'saved';
    for (const entry of entries) {
      if (entry.kind === 'create') seen = withFields(complete({ id, title: '', ...times(entry.at) }), entry.fields, entry.at);
      else if (entry.state === 'queued') seen = shownAfter(entry, seen, id);
      const own = entry.state === 'queued' ? 'waiting' : entry.state;
      if (RANK.indexOf(own) > RANK.indexOf(sync)) sync = own;
    }
    if (!seen) {
      this.views.delete(id);
      return undefined;
    }
    const view: LocalTask = { ...seen, id, key, sync };
    this.views.set(id, { task, mark, view });
    return view;
  }

  // The first id of a task: it may have been created again after it had a server's id.
  private keyOf(id: number): string {
    let first = id;
    for (let id: number | undefined = first; id !== undefined; id = this.temporaryOf.get(id)) first = id;
    return String(first);
  }

  pending(): PendingWrite[] {
    return this.outbox().filter(({ state }) => state === 'queued').map((entry) => this.publicOf(entry));
  }

  failed(): FailedWrite[] {
    return this.outbox().flatMap((entry) => (entry.state === 'failed' && entry.problem
      ? [{ ...this.publicOf(entry), problem: entry.problem, base: entry.base }] : []));
  }

  /** Returns the conflicts, with the server's tasks as they are now. */
  conflicts(): Conflict[] {
    return this.outbox().flatMap((entry) => {
      if (entry.state !== 'conflict' || !entry.conflict) return [];
      const taskId = this.resolve(entry.id);
      const theirs = this.tasks.get(taskId) ?? null;
      if (entry.kind === 'delete' && !theirs) return [];
      const kind = theirs === null ? 'deleted' : entry.kind === 'delete' ? 'edited-delete' : 'edited';
      const { fields } = entry.conflict;
      return [{ uid: entry.uid, taskId, kind, fields, mine: entry.fields, theirs, base: entry.base, at: Math.floor(entry.at) } as const];
    });
  }

  private publicOf({ uid, kind, id, fields, at }: Entry): PendingWrite {
    return { uid, kind, taskId: this.resolve(id), fields, at: Math.floor(at) };
  }
}

const RANK: LocalTask['sync'][] = ['saved', 'waiting', 'conflict', 'failed'];

const times = (at: number) => ({ created_at: new Date(at).toISOString(), updated_at: new Date(at).toISOString() });

function shownAfter(entry: Entry, seen: Task | undefined, id: number): Task | undefined {
  if (entry.kind === 'delete') return undefined;
  if (entry.kind === 'restore') return seen ?? (entry.base ? { ...entry.base, id } : undefined);
  return seen && withFields(seen, entry.fields, entry.at);
}

// New tasks come first until they have an id of the server: the clock of the device may be behind the server's, and a task that is answered
// must not pass those that wait. Times have the same form, so their order is that of the texts. Milliseconds and microseconds differ only
// after the same digits.
function newestFirst(a: Task, b: Task): number {
  if (a.id < 0 !== b.id < 0) return a.id < 0 ? -1 : 1;
  return a.created_at === b.created_at ? b.id - a.id : a.created_at < b.created_at ? 1 : -1;
}

/** Merges two sorted lists. */
function merge(one: readonly LocalTask[], two: readonly LocalTask[]): LocalTask[] {
  const merged: LocalTask[] = [];
  let next = 0;
  for (const task of one) {
    for (let other = two[next]; other && newestFirst(other, task) < 0; other = two[next]) {
      merged.push(other);
      next += 1;
    }
    merged.push(task);
  }
  return merged.concat(two.slice(next));
}
