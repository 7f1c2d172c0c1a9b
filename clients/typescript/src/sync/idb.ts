// The copy and the outbox in IndexedDB. All tabs of a user share one database.
import type { Task } from '../types.js';
import { inOrder, type Alias, type Change, type Entry, type Known, type State, type Storage, type Stored, type Tombstone } from './storage.js';

// Temporary ids are kept for a day, for pages that still show them.
const ALIAS_LIFETIME = 86_400_000;
const STORES = ['tasks', 'outbox', 'aliases', 'meta'] as const;

/** Resolves with the result of a request. */
const result = <Value>(request: IDBRequest<Value>): Promise<Value> => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** Resolves when a transaction is stored. */
const stored = (tx: IDBTransaction): Promise<void> => new Promise((resolve, reject) => {
  tx.oncomplete = () => resolve();
  tx.onabort = () => reject(tx.error ?? new Error('The transaction was aborted'));
});

export class IndexedStorage implements Storage {
  private constructor(private readonly factory: IDBFactory, private readonly db: IDBDatabase) {}

  /** Opens the database. `lost` is called if another tab deletes it, or the browser closes it. */
  static async open(factory: IDBFactory, name: string, lost: (isDeleted: boolean) => void): Promise<IndexedStorage> {
    const opening = factory.open(name, 1);
    opening.onupgradeneeded = () => {
      const db = opening.result;
      db.createObjectStore('tasks', { keyPath: 'id' });
      db.createObjectStore('outbox', { keyPath: 'uid' });
      db.createObjectStore('aliases', { keyPath: 'temporary' });
      db.createObjectStore('meta');
    };
    const db = await result(opening);
    db.onversionchange = ({ newVersion }) => {
      db.close();
      lost(newVersion === null);
    };
    db.onclose = () => lost(false);
    return new IndexedStorage(factory, db);
  }

  async load(): Promise<Stored> {
    const tx = this.db.transaction(STORES);
    const all = <Value>(name: string): Promise<Value[]> => result(tx.objectStore(name).getAll());
    const meta = tx.objectStore('meta');
    const [tasks, entries, aliases, revision, state] = await Promise.all([
      all<Task | Tombstone>('tasks'), all<Entry>('outbox'), all<Alias>('aliases'),
      result<number | undefined>(meta.get('revision')), result<State | undefined>(meta.get('state')),
    ]);
    const old = aliases.filter(({ at }) => at < Date.now() - ALIAS_LIFETIME);
    if (old.length > 0) {
      const store = this.db.transaction('aliases', 'readwrite').objectStore('aliases');
      for (const { temporary } of old) store.delete(temporary);
    }
    return { revision: revision ?? 0, state: state ?? null, tasks, entries, aliases };
  }

  async commit(plan: (entries: Entry[]) => Change | undefined, known: Known): ReturnType<Storage['commit']> {
    const tx = this.db.transaction(STORES, 'readwrite');
    const end = stored(tx);
    end.catch(() => {}); // it is awaited below, unless an error is thrown before
    const [tasks, outbox, aliases, meta] = [tx.objectStore('tasks'), tx.objectStore('outbox'), tx.objectStore('aliases'), tx.objectStore('meta')];
    try {
      const last = await result<number | undefined>(meta.get('revision')) ?? 0;
      // A long outbox would make each of its writes slow.
      const entries = last === known.revision ? [...known.entries.values()] : await result<Entry[]>(outbox.getAll());
      const change = plan(entries.sort(inOrder));
      const revision = last + 1;
      if (change) {
        meta.put(revision, 'revision');
        if (change.state !== undefined) meta.put(change.state, 'state');
        for (const id of change.remove ?? []) tasks.delete(id);
        for (const task of change.put ?? []) tasks.put(task);
        for (const uid of change.dropped ?? []) outbox.delete(uid);
        for (const entry of change.entries ?? []) outbox.put(entry);
        for (const alias of change.aliases ?? []) aliases.put(alias);
      }
      await end;
      return change && { revision, change };
    } catch (error) {
      try {
        tx.abort();
      } catch {
        // it has ended already
      }
      throw error;
    }
  }

  close(): void {
    this.db.close();
  }

  async destroy(): Promise<void> {
    this.db.close();
    await result(this.factory.deleteDatabase(this.db.name));
  }
}
