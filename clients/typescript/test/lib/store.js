// Stores against a server in memory.
import assert from 'node:assert/strict';
import { IDBFactory } from 'fake-indexeddb';
import { openTasks } from '../../dist/sync/index.js';
import { TaskServer } from './task-server.js';

/** Waits until a condition holds. */
export async function until(condition, message = condition.toString()) {
  for (const end = Date.now() + 60_000; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 5))) {
    if (Date.now() > end) assert.fail(`still not so: ${message}`);
  }
}

/** Web Locks, which Node 20 does not have: the function of each request runs when the one before it has ended. */
class Locks {
  #last = new Map();

  async request(name, { signal }, run) {
    const before = this.#last.get(name) ?? Promise.resolve();
    const ended = Promise.withResolvers?.() ?? resolvers();
    this.#last.set(name, ended.promise);
    try {
      await before;
      if (signal.aborted) throw signal.reason;
      return await run();
    } finally {
      ended.resolve();
    }
  }
}

function resolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

/** A browser: its tabs share IndexedDB, locks and channels. */
export const browser = () => ({ indexedDB: new IDBFactory(), locks: new Locks(), BroadcastChannel: globalThis.BroadcastChannel });

/**
 * Runs a test with a server in memory. `open` opens a store, alone in memory unless it gets a `platform`. All are closed at the
 * end.
 */
export async function withStores(options, use) {
  const server = await new TaskServer(options).start();
  const stores = [];
  const open = (more) => {
    const store = openTasks({ url: server.url, token: async () => 'token', userId: 'alice', pollSeconds: 0.05, platform: {}, ...more });
    stores.push(store);
    return store;
  };
  try {
    await use({ server, open });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  }
}

export const titles = (store) => store.getSnapshot().tasks.map(({ title }) => title);

/** Waits until the store has sent everything and shows exactly what the server has. */
export async function equal(store, server) {
  const fields = ({ id, title, description, completed }) => ({ id, title, description, completed });
  const shown = () => JSON.stringify(store.getSnapshot().tasks.map(fields).sort((a, b) => b.id - a.id));
  await until(() => store.pending.length === 0 && shown() === JSON.stringify(server.list().map(fields)), () => shown());
}
