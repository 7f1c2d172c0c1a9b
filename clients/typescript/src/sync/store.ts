// The store: what an app uses.
import type { Task } from '../types.js';
import { complete, differing, namesOf, pick, withFields } from './fields.js';
import { IndexedStorage } from './idb.js';
import { anew, enqueueAll } from './outbox.js';
import { Replica } from './replica.js';
import { MemoryStorage, type Entry, type Storage } from './storage.js';
import { Sync, type Connection } from './sync.js';
import { nameOf, Tabs, type Message } from './tabs.js';
import { Transport } from './transport.js';
import type { Choice, Conflict, LocalTask, NewTask, OpenTasksOptions, Platform, Snapshot, SyncStatus, TaskFields, TaskStore } from './types.js';
import { uuid } from './wait.js';

// `close` waits for the requests and transactions that are under way, at most this many milliseconds.
const CLOSING = 5000;

/** Opens the copy of a user's tasks and begins to synchronize it. */
export const openTasks = (options: OpenTasksOptions): TaskStore => new Store(options);

class Store implements TaskStore {
  readonly ready: Promise<void>;

  private readonly replica: Replica;
  private readonly transport: Transport;
  private readonly listeners = new Set<() => void>();
  private storage: Storage | undefined;
  private tabs: Tabs | undefined;
  private sync: Sync | undefined;
  private running: Promise<void> = Promise.resolve();
  private release = (): void => {};
  private readonly released = new Promise<void>((resolve) => (this.release = resolve));
  private connection: Connection = 'connecting';
  private isClosed = false;
  private isForgotten = false;
  private snapshot: Snapshot | undefined;
  private lastAt = 0;
  private readonly pollSeconds: number;
  private readonly onReminder: OpenTasksOptions['onReminder'];

  constructor({ url, token, userId, fetch, pollSeconds = 30, onReminder, platform = globalPlatform() }: OpenTasksOptions) {
    this.onReminder = onReminder;
    const address = url.replace(/\/+$/, '');
    this.pollSeconds = pollSeconds;
    this.transport = new Transport(address, token, fetch);
    const storage = this.openStorage(address, userId, platform);
    this.replica = new Replica(storage, () => this.changed(), (committed) => this.tabs?.publish({ type: 'changed', committed }));
    this.ready = this.open(storage);
    this.ready.catch(() => {}); // it is for those who wait for it
    if (typeof addEventListener === 'function') {
      addEventListener('online', this.refresh);
      addEventListener('offline', this.disconnected);
      globalThis.document?.addEventListener('visibilitychange', this.shown);
    }
  }

  // Several tabs share a copy if the browser can elect one that leads. Otherwise this tab is alone, with a copy in memory.
  private async openStorage(url: string, userId: string, { indexedDB, locks, BroadcastChannel }: Platform): Promise<Storage> {
    const name = await nameOf(url, userId);
    if (!name || !indexedDB || !locks || !BroadcastChannel) return new MemoryStorage();
    try {
      const storage = await IndexedStorage.open(indexedDB, name, (isDeleted) => (isDeleted ? this.forgotten() : void this.close()));
      this.tabs = new Tabs(name, { indexedDB, locks, BroadcastChannel }, (message) => this.received(message));
      return storage;
    } catch {
      return new MemoryStorage(); // for example in a private window
    }
  }

  private async open(opening: Promise<Storage>): Promise<void> {
    this.storage = await opening;
    if (this.isClosed) return this.end();
    await this.replica.load();
    if (this.isClosed) return this.end();
    this.tabs?.publish({ type: 'hello' });
    if (this.tabs) this.tabs.elect(() => this.lead());
    else void this.lead();
  }

  private async lead(): Promise<void> {
    if (!this.isClosed) await this.replica.load(); // a message of the tab that led before can still be under way
    if (this.isClosed) return;
    this.sync = new Sync(this.transport, this.replica, this.pollSeconds, (connection) => {
      this.connection = connection;
      this.tabs?.publish({ type: 'connection', connection });
      this.changed();
    }, this.onReminder);
    this.running = this.sync.run();
    await Promise.race([this.running, this.released]); // then another tab leads
  }

  private received(message: Message): void {
    if (message.type === 'changed') this.replica.receive(message.committed).catch(() => {}); // the database was closed
    else if (message.type === 'forget') this.forgotten();
    else if (message.type === 'connection') {
      this.connection = message.connection;
      this.changed();
    } else if (this.sync) {
      if (message.type === 'hello') this.tabs?.publish({ type: 'connection', connection: this.sync.connection });
      else this.sync.refresh();
    }
  }

  // Another tab has signed the user out. Its message and the deletion of the database arrive in any order.
  private forgotten(): void {
    this.isForgotten = true;
    this.snapshot = undefined;
    void this.close();
  }

  private changed(): void {
    this.snapshot = undefined;
    this.sync?.pump();
    for (const listener of [...this.listeners]) listener();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Snapshot => {
    const { replica } = this;
    if (this.isForgotten) return (this.snapshot ??= { tasks: [], status: 'closed', isLoaded: false, pending: [], conflicts: [], failed: [] });
    return (this.snapshot ??= {
      tasks: replica.view(),
      status: this.statusNow(),
      isLoaded: replica.state !== null,
      pending: replica.pending(),
      conflicts: replica.conflicts(),
      failed: replica.failed(),
    });
  };

  private statusNow(): SyncStatus {
    if (this.isClosed) return 'closed';
    return this.connection === 'connecting' && this.replica.state === null ? 'loading' : this.connection;
  }

  get status() { return this.getSnapshot().status; }
  get pending() { return this.getSnapshot().pending; }
  get conflicts() { return this.getSnapshot().conflicts; }
  get failed() { return this.getSnapshot().failed; }

  create(fields: NewTask): LocalTask {
    const at = this.nextTime();
    const id = temporaryId(at);
    this.enter([this.entry('create', id, pick(fields), null, at)]);
    const time = new Date(at).toISOString();
    const task = withFields(complete({ id, title: fields.title, created_at: time, updated_at: time }), fields, at);
    return { ...task, key: String(id), sync: 'waiting' };
  }

  update(id: number, fields: TaskFields, base?: Task): void {
    const task = this.find(id);
    const changed = pick(fields, task ? differing(task, fields, namesOf(fields)) : namesOf(fields));
    const { key: _key, sync: _sync, ...seen } = (base ?? {}) as Partial<LocalTask>;
    const from = seen.version ? { ...seen, id: this.replica.resolve(id) } as Task : undefined; // a new task has no version yet
    if (namesOf(changed).length > 0) this.enter([this.entry('update', id, changed, from)]);
  }

  setCompleted(id: number, completed: boolean): void {
    this.update(id, { completed });
  }

  toggle(id: number): void {
    const task = this.find(id);
    if (task) this.setCompleted(id, !task.completed);
  }

  remove(id: number): void {
    this.enter([this.entry('delete', id, {})]);
  }

  restore(task: Task): void {
    this.enter([this.restoration(task)]);
  }

  resolve(conflict: Conflict, choice: Choice): void {
    const { uid, taskId, kind, base, theirs } = conflict;
    if (this.replica.entries.get(uid)?.state !== 'conflict') return; // it was resolved in another tab
    const drop = (entry: Entry) => entry.uid === uid;
    const fields = typeof choice === 'object' ? pick(choice) : conflict.mine;
    if (choice === 'theirs') return this.enter([], drop);
    if (kind === 'edited-delete' && typeof choice !== 'object') return this.enter([this.entry('delete', taskId, {}, theirs)], drop);
    if (kind !== 'deleted') return this.enter([this.entry('update', taskId, fields, theirs)], drop);
    if (base && choice !== 'recreate') return this.enter([this.restoration(base), this.entry('update', taskId, fields, base)], drop);
    const at = this.nextTime();
    this.enter([this.entry('create', temporaryId(at), { ...(base && pick(base)), ...fields }, null, at)], drop);
  }

  retry(uid: string, fields: TaskFields = {}): void {
    const failed = this.replica.entries.get(uid);
    if (failed?.state !== 'failed') return;
    const entry = anew(failed, { fields: { ...failed.fields, ...pick(fields) } });
    void this.replica.write([entry], () => ({ entries: [entry] }));
  }

  discard(uid: string): void {
    const failed = this.replica.entries.get(uid);
    if (failed?.state !== 'failed') return;
    const { resolve } = this.replica;
    this.enter([], (entry) => entry.uid === uid || (failed.kind === 'create' && resolve(entry.id) === resolve(failed.id)));
  }

  readonly refresh = (): void => {
    if (this.sync) this.sync.refresh();
    else this.tabs?.publish({ type: 'refresh' });
  };

  async stored(): Promise<void> {
    await this.replica.settled();
  }

  close(): Promise<void> {
    return this.shut(CLOSING);
  }

  private async shut(limit: number): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (typeof removeEventListener === 'function') {
      removeEventListener('online', this.refresh);
      removeEventListener('offline', this.disconnected);
      globalThis.document?.removeEventListener('visibilitychange', this.shown);
    }
    this.sync?.stop();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, limit)));
    await Promise.race([Promise.all([this.running, this.replica.settled()]), late]).catch(() => {});
    clearTimeout(timer);
    this.end();
    this.changed();
  }

  async forget(): Promise<void> {
    await this.ready.catch(() => {});
    this.tabs?.publish({ type: 'forget' });
    this.isForgotten = true;
    this.snapshot = undefined;
    await this.shut(0);
    await this.storage?.destroy();
  }

  private end(): void {
    this.release();
    this.tabs?.close();
    this.storage?.close();
  }

  private readonly disconnected = (): void => this.sync?.disconnect();

  private readonly shown = (): void => {
    if (document.visibilityState === 'visible') this.refresh();
  };

  private find(id: number): LocalTask | undefined {
    const real = this.replica.resolve(id);
    return this.getSnapshot().tasks.find((task) => task.id === real);
  }

  // The order of writes is that of their times. They rise, also if the clock of the device is set back.
  private nextTime(): number {
    for (const { at } of this.replica.entries.values()) this.lastAt = Math.max(this.lastAt, Math.floor(at));
    this.lastAt = Math.max(Date.now(), this.lastAt + 1);
    return this.lastAt;
  }

  private entry(kind: Entry['kind'], id: number, fields: TaskFields, base = this.replica.baseOf(id), at = this.nextTime()): Entry {
    const uid = uuid();
    return { uid, key: uid, at, kind, id, fields, base, state: 'queued' };
  }

  private restoration(task: Task): Entry {
    return this.entry('restore', task.id, pick(task), complete(task));
  }

  // Puts writes into the outbox and drops others, in one transaction.
  private enter(writes: Entry[], isDropped: (entry: Entry) => boolean = () => false): void {
    if (this.isClosed) throw new Error('The store is closed');
    void this.replica.write(writes, (entries) => enqueueAll(entries, writes, isDropped, this.replica.resolve));
  }
}

// Made of the time and random digits, so that no two tabs make the same id.
const temporaryId = (at: number) => -(at * 1000 + Math.floor(Math.random() * 1000));

const globalPlatform = (): Platform => ({
  indexedDB: globalThis.indexedDB, locks: globalThis.navigator?.locks, BroadcastChannel: globalThis.BroadcastChannel,
});
