// The stored outbox: how much of it is read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IDBObjectStore } from 'fake-indexeddb';
import { browser, equal, titles, until, withStores } from './lib/store.js';

const live = (...stores) => until(() => stores.every(({ status }) => status === 'live'));

/** Counts how often all rows of the outbox or of the temporary ids are read. */
async function countReads(act) {
  const { getAll } = IDBObjectStore.prototype;
  let count = 0;
  IDBObjectStore.prototype.getAll = function (...args) {
    count += 1;
    return getAll.apply(this, args);
  };
  try {
    await act();
  } finally {
    IDBObjectStore.prototype.getAll = getAll;
  }
  return count;
}

test('a write does not read the whole outbox', () => withStores({}, async ({ server, open }) => {
  const store = open({ platform: browser() });
  await live(store);
  const reads = await countReads(async () => {
    for (let index = 0; index < 50; index += 1) store.create({ title: `Task ${index}` });
    await store.stored();
    await equal(store, server);
  });
  assert.equal(reads, 0);
  assert.equal(server.list().length, 50);
}));

test('a tab that has missed a change of another one reads the outbox', () => withStores({}, async ({ server, open }) => {
  const platform = browser();
  const first = open({ platform });
  await live(first);
  // Its messages do not reach the first tab.
  class Silent extends BroadcastChannel {
    postMessage() {}
  }
  server.intercept = ({ method }) => (method === 'GET' ? undefined : { status: 503, headers: { 'Retry-After': '600' } });
  const second = open({ platform: { ...platform, BroadcastChannel: Silent } });
  await second.ready;
  const { id } = second.create({ title: 'Milk' });
  await second.stored();
  first.create({ title: 'Bread' });
  await first.stored();
  // Temporary ids of one millisecond have a random order.
  assert.deepEqual(titles(first).sort(), ['Bread', 'Milk']);
  first.update(id, { title: 'Oat milk' });
  server.intercept = () => undefined;
  first.refresh();
  await equal(first, server);
  assert.deepEqual(titles(first).sort(), ['Bread', 'Oat milk']);
}));

test('temporary ids are deleted after a day, when the copy is read', () => withStores({}, async ({ server, open }) => {
  const platform = browser();
  const count = async () => {
    const [{ name }] = await platform.indexedDB.databases();
    const result = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const db = await result(platform.indexedDB.open(name));
    const counted = await result(db.transaction('aliases').objectStore('aliases').count());
    db.close();
    return counted;
  };
  const first = open({ platform });
  await live(first);
  first.create({ title: 'Milk' });
  await equal(first, server);
  await first.close();
  assert.equal(await count(), 1);
  const { now } = Date;
  Date.now = () => now() + 86_500_000;
  try {
    await open({ platform }).ready;
  } finally {
    Date.now = now;
  }
  await until(async () => (await count()) === 0);
}));
