// Several tabs of one browser: one of them synchronizes, and all of them show the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, equal, titles, until, withStores } from './lib/store.js';
import { problem } from './lib/task-server.js';

const live = (...stores) => until(() => stores.every(({ status }) => status === 'live'));
const refuse = (server) => {
  server.intercept = ({ method }) => (method === 'GET' ? undefined : { ...problem(503, 'database_unavailable'), headers: { 'Retry-After': '0' } });
};

test('all tabs have one stream and one list, and show the same', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Old' });
  const platform = browser();
  const tabs = [open({ platform }), open({ platform }), open({ platform })];
  await live(...tabs);
  assert.deepEqual([server.streams.size, server.sent('GET', /tasks$/).length, server.sent('GET', /events/).length], [1, 1, 1]);
  const tasks = tabs.map((tab, index) => tab.create({ title: `Of tab ${index}` }));
  server.create({ title: 'Of a phone' });
  for (const tab of tabs) await equal(tab, server);
  assert.equal(server.list().length, 5);
  tabs[2].toggle(tasks[0].id); // the temporary id of another tab
  tabs[1].update(tasks[0].id, { title: 'Of two tabs' });
  for (const tab of tabs) await equal(tab, server);
  assert.equal(server.find('Of two tabs').completed, true);
  assert.deepEqual(new Set(tabs.map((tab) => tab.getSnapshot().tasks.map(({ key }) => key).join())).size, 1);
  assert.equal(server.sent('GET', /tasks$/).length, 1);
}));

test('each reminder is heard in one of the tabs, also after another one leads', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const platform = browser();
  const heard = [];
  const tabs = [0, 1, 2].map((tab) => open({ platform, onReminder: ({ n }) => heard.push([tab, n]) }));
  const remind = (n) => server.log({ type: 'reminder', id, version: server.next(), reminder: { n, at: '2026-01-31T10:00:00.000000Z' } });
  await live(...tabs);
  remind(1);
  await until(() => heard.length === 1);
  await tabs[heard[0][0]].close();
  remind(2);
  await until(() => heard.length === 2);
  remind(3);
  await until(() => heard.length === 3);
  assert.deepEqual(heard.map(([, n]) => n), [1, 2, 3]);
  assert.ok(heard[1][0] !== heard[0][0] && heard[1][0] === heard[2][0]);
}));

test('another tab takes over, also the writes in flight, if the leading one is closed', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Old' });
  const platform = browser();
  const first = open({ platform });
  await live(first);
  const second = open({ platform });
  await live(first, second);
  let hold = true;
  server.intercept = async ({ method }) => {
    if (method !== 'POST' || !hold) return undefined;
    hold = false;
    void first.close();
    return 'lose'; // it is done, and the answer is lost
  };
  const { id } = second.create({ title: 'Milk' });
  second.toggle(id);
  await equal(second, server);
  await live(second);
  assert.equal(first.status, 'closed');
  assert.deepEqual(server.list().map(({ title, completed }) => [title, completed]), [['Milk', true], ['Old', false]]);
  assert.deepEqual([server.sent('POST').length, server.streams.size], [2, 1]);
}));

test('a store that is closed at once does not keep the next one from leading', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Milk' });
  const platform = browser();
  for (const turns of [0, 1, 3, 10]) {
    const first = open({ platform });
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await first.close();
    const second = open({ platform });
    await live(second);
    await second.close();
  }
}));

test('a page that is opened while the server is down shows the tasks and the outbox', () => withStores({}, async ({ server, open }) => {
  const task = server.create({ title: 'Milk' });
  const platform = browser();
  const first = open({ platform });
  await live(first);
  await server.stop();
  first.update(task.id, { title: 'Oat milk' });
  const { id } = first.create({ title: 'Bread' });
  await first.stored();
  await first.close();
  const second = open({ platform });
  await second.ready;
  assert.deepEqual([titles(second), second.getSnapshot().isLoaded, second.pending.length], [['Bread', 'Oat milk'], true, 2]);
  await until(() => second.status === 'offline');
  second.setCompleted(id, true);
  await server.start();
  second.refresh();
  await equal(second, server);
  assert.deepEqual(server.list().map(({ title, completed }) => [title, completed]), [['Bread', true], ['Oat milk', false]]);
  assert.equal(server.sent('GET', /tasks$/).length, 1, 'the copy goes on from its state');
}));

test('a conflict is shown in all tabs, survives them, and is resolved in one', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const platform = browser();
  const tabs = [open({ platform }), open({ platform })];
  await live(...tabs);
  refuse(server);
  tabs[1].update(id, { title: 'mine' });
  await until(() => server.sent('PATCH').length > 0);
  for (const stream of server.streams) stream.destroy();
  server.update(id, { title: 'theirs' });
  server.intercept = () => undefined;
  await until(() => tabs.every(({ conflicts }) => conflicts.length === 1));
  for (const tab of tabs) await tab.close();
  const [again, other] = [open({ platform }), open({ platform })];
  await live(again, other);
  const [conflict] = other.conflicts;
  assert.deepEqual([conflict.mine.title, conflict.theirs.title, conflict.base.title], ['mine', 'theirs', 'Milk']);
  other.resolve(conflict, { title: 'theirs, mine' });
  await equal(again, server);
  await equal(other, server);
  assert.deepEqual([again.conflicts.length, server.list()[0].title], [0, 'theirs, mine']);
}));

test('each user and each server has a copy of its own', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Milk' });
  const platform = browser();
  const alice = open({ platform });
  await live(alice);
  await alice.close();
  await server.stop();
  const others = [open({ platform, userId: 'bob' }), open({ platform, url: `${server.url}/other` })];
  for (const other of others) {
    await other.ready;
    assert.deepEqual([titles(other), other.getSnapshot().isLoaded], [[], false]);
  }
  await server.start();
}));

test('forget ends all tabs and deletes the copy', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Milk' });
  const platform = browser();
  const tabs = [open({ platform }), open({ platform })];
  await live(...tabs);
  await tabs[1].forget();
  await until(() => tabs[0].status === 'closed');
  assert.deepEqual([tabs.map(titles), await platform.indexedDB.databases()], [[[], []], []]);
  const again = open({ platform });
  await again.ready;
  assert.equal(again.getSnapshot().isLoaded, false);
  assert.throws(() => tabs[0].create({ title: 'x' }), /closed/);
}));

test('a tab shows no task after another one has deleted the copy, also if its message does not come', () => withStores({}, async ({ server, open }) => {
  const platform = browser();
  server.create({ title: 'Milk' });
  class Silent extends BroadcastChannel {
    postMessage() {}
  }
  const [first, second] = [open({ platform }), open({ platform: { ...platform, BroadcastChannel: Silent } })];
  await equal(first, server);
  await second.forget();
  await until(() => first.status === 'closed');
  assert.deepEqual(titles(first), []);
}));

test('a browser that cannot open a database works in memory', () => withStores({}, async ({ server, open }) => {
  const indexedDB = { open: () => { throw new DOMException('private', 'SecurityError'); } };
  const store = open({ platform: { ...browser(), indexedDB } });
  await live(store);
  store.create({ title: 'Milk' });
  await equal(store, server);
}));

test('a write that cannot be stored is shown as a refused one', () => withStores({}, async ({ server, open }) => {
  const platform = browser();
  const store = open({ platform });
  await live(store);
  const { prototype } = (await import('fake-indexeddb')).IDBObjectStore;
  const { put } = prototype;
  prototype.put = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const { id } = store.create({ title: 'Milk' });
  await until(() => store.failed.length === 1);
  prototype.put = put;
  assert.match(store.failed[0].problem.detail, /could not store/);
  assert.deepEqual(titles(store), ['Milk']);
  store.retry(store.failed[0].uid);
  await equal(store, server);
  store.toggle(id);
  await equal(store, server);
}));

test('many writes of all tabs at the same time, with lost answers and restarts, are each done once', () => withStores({}, async ({ server, open }) => {
  for (let index = 0; index < 8; index += 1) server.create({ title: `Task ${index}` });
  const platform = browser();
  let tabs = [open({ platform }), open({ platform }), open({ platform })];
  await live(...tabs);
  let seed = 7;
  const random = (limit) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % limit;
  server.intercept = ({ method }) => (method !== 'GET' && random(4) === 0 ? 'lose' : undefined);
  const created = [];
  for (let round = 0; round < 60; round += 1) {
    const tab = tabs[random(3)];
    const { tasks } = tab.getSnapshot();
    const task = tasks[random(tasks.length)];
    const act = random(10);
    if (act < 3) created.push(tab.create({ title: `New ${round}` }) && `New ${round}`);
    else if (act < 6) tab.update(task.id, { description: `Text ${round}` });
    else if (act < 9) tab.toggle(task.id);
    else for (const stream of server.streams) stream.destroy();
    if (round === 30) {
      await tabs[0].close();
      tabs = [open({ platform }), ...tabs.slice(1)];
      await tabs[0].ready;
    }
    if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(10)));
    if (random(5) === 0) tabs[random(3)].refresh();
  }
  server.intercept = () => undefined;
  tabs[1].refresh();
  for (const tab of tabs) {
    await until(() => (tab.refresh(), tab.pending.length === 0));
    await equal(tab, server);
    assert.deepEqual([tab.conflicts, tab.failed], [[], []]);
  }
  assert.deepEqual(server.list().map(({ title }) => title).filter((title) => title.startsWith('New')).sort(), created.sort());
}));
