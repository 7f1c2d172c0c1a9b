// The store with a server that has only the first six operations: no versions, no feed, no keys, no partial update.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, equal, titles, until, withStores } from './lib/store.js';

test('all writes work, and the list is asked for from time to time', () => withStores({ plain: true }, async ({ server, open }) => {
  server.create({ title: 'Old', completed: false });
  const store = open({ platform: browser() });
  await until(() => store.status === 'online');
  const task = store.create({ title: 'Milk' });
  store.toggle(task.id);
  store.update(task.id, { description: 'One litre' });
  await equal(store, server);
  assert.deepEqual([server.find('Milk').completed, server.find('Milk').description], [true, 'One litre']);
  server.update(server.find('Old').id, { title: 'Older' });
  const elsewhere = server.create({ title: 'Bread' });
  await equal(store, server);
  server.remove(elsewhere.id);
  await equal(store, server);
  const shown = store.getSnapshot().tasks.find(({ title }) => title === 'Milk');
  store.remove(task.id);
  await equal(store, server);
  store.restore(shown); // the server has no trash
  await equal(store, server);
  assert.deepEqual([server.find('Milk').completed, server.find('Milk').description], [true, 'One litre']);
  assert.deepEqual(store.getSnapshot().tasks.map(({ priority, tags, due_date, version }) => [priority, tags, due_date, version]),
    Array(2).fill(['none', [], null, 0]));
}));

test('the server gets no header that its CORS rules may refuse, and is not asked for a feed', () => withStores({ plain: true }, async ({ server, open }) => {
  const store = open();
  await until(() => store.status === 'online');
  const { id } = store.create({ title: 'Milk' });
  store.update(id, { title: 'Oat milk' });
  await equal(store, server);
  store.remove(id);
  await equal(store, server);
  for (const { headers, path } of server.requests) {
    for (const name of ['if-match', 'if-none-match', 'prefer', 'idempotency-key', 'last-event-id']) assert.equal(headers[name], undefined, path);
    assert.doesNotMatch(path, /changes|events/);
  }
}));

test('a create whose answer was lost is found in the list, and a lost flip is not flipped back', () => withStores({ plain: true }, async ({ server, open }) => {
  server.create({ title: 'Milk' }); // the same title as the next one
  const store = open();
  await until(() => store.status === 'online');
  const lost = new Set();
  server.intercept = ({ method, path }) => {
    if (method === 'GET' || lost.has(method + path)) return undefined;
    lost.add(method + path);
    return 'lose';
  };
  const task = store.create({ title: 'Milk' });
  store.toggle(task.id);
  await equal(store, server);
  assert.deepEqual(server.list().map(({ title, completed }) => [title, completed]), [['Milk', true], ['Milk', false]]);
  assert.deepEqual([server.sent('POST').length, lost.size], [1, 2]);
}));

test('an edit of a task that was deleted elsewhere is kept', () => withStores({ plain: true }, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await until(() => store.status === 'online');
  server.intercept = ({ path }) => {
    if (!path.endsWith(`/${id}`)) return;
    server.intercept = () => undefined;
    server.remove(id);
  };
  store.update(id, { title: 'mine' });
  await until(() => store.conflicts.length === 1);
  store.resolve(store.conflicts[0], 'mine');
  await equal(store, server);
  assert.deepEqual(titles(store), ['mine']);
}));

test('a write that is made while the list is loaded is not replaced by the older list', () => withStores({ plain: true }, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await until(() => store.status === 'online');
  const shown = new Set();
  store.subscribe(() => shown.add(titles(store).join()));
  let release;
  server.intercept = ({ method, path }) => {
    if (method !== 'GET' || !path.endsWith('/tasks') || release) return undefined;
    const body = structuredClone(server.list());
    return new Promise((resolve) => (release = () => resolve({ status: 200, body })));
  };
  await until(() => release);
  store.update(id, { title: 'Oat milk' });
  store.create({ title: 'Bread' });
  await until(() => store.pending.length === 0);
  const requests = server.sent('GET', /tasks$/).length;
  release();
  await until(() => server.sent('GET', /tasks$/).length > requests + 1);
  await equal(store, server);
  assert.deepEqual([...shown].filter((text) => text.startsWith('Milk')), []);
}));
