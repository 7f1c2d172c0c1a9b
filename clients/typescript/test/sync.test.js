// The store against a server that has versions, the feed, events and the trash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equal, titles, until, withStores } from './lib/store.js';
import { problem } from './lib/task-server.js';

const live = (store) => until(() => store.status === 'live');

test('a write is shown at once and sent, and the changes of others arrive by events', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Old' });
  const store = open();
  assert.deepEqual([store.status, store.getSnapshot().isLoaded], ['loading', false]);
  await live(store);
  const task = store.create({ title: 'Milk' });
  assert.deepEqual(titles(store), ['Milk', 'Old']);
  assert.ok(task.id < 0 && task.sync === 'waiting');
  store.update(task.id, { title: 'Oat milk', priority: 'high' });
  store.toggle(task.id);
  assert.deepEqual([store.getSnapshot().tasks[0].title, store.getSnapshot().tasks[0].completed], ['Oat milk', true]);
  await equal(store, server);
  const [saved] = store.getSnapshot().tasks;
  assert.deepEqual([saved.key, saved.sync, saved.completed], [task.key, 'saved', true]);
  assert.equal(server.list().length, 2);

  store.update(task.id, { description: 'One litre' }); // the temporary id still names the task
  server.update(server.find('Old').id, { title: 'Older' });
  const elsewhere = server.create({ title: 'Bread' });
  await equal(store, server);
  server.remove(elsewhere.id);
  await equal(store, server);
  assert.equal(server.sent('GET', /tasks$/).length, 1);
}));

test('new tasks come first until they are answered, also if the clock of the device is behind', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Old' });
  server.find('Old').created_at = '2999-01-01T00:00:00.000000Z';
  const store = open();
  await live(store);
  for (const title of ['One', 'Two']) store.create({ title });
  assert.deepEqual(titles(store), ['Two', 'One', 'Old']);
  await equal(store, server);
}));

test('what a user sees never goes back while a write is answered', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  const seen = [];
  store.subscribe(() => seen.push(store.getSnapshot().tasks[0]?.title));
  server.intercept = async ({ method }) => void (method === 'PATCH' && await new Promise((resolve) => setTimeout(resolve, 20)));
  for (const title of ['M1', 'M2', 'M3', 'M4']) {
    store.update(id, { title });
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await equal(store, server);
  assert.deepEqual([...new Set(seen)], ['M1', 'M2', 'M3', 'M4']);
  assert.deepEqual(seen, [...seen].sort());
}));

test('tasks that did not change keep their objects', () => withStores({}, async ({ server, open }) => {
  const [one, two] = [server.create({ title: 'One' }), server.create({ title: 'Two' })];
  const store = open();
  await live(store);
  const before = store.getSnapshot();
  assert.equal(store.getSnapshot(), before);
  server.update(two.id, { title: 'Zwei' });
  await equal(store, server);
  const byId = (snapshot, id) => snapshot.tasks.find((task) => task.id === id);
  assert.notEqual(store.getSnapshot(), before);
  assert.equal(byId(store.getSnapshot(), one.id), byId(before, one.id));
  assert.notEqual(byId(store.getSnapshot(), two.id), byId(before, two.id));
}));

test('a repeated write has the same key, and nothing is done twice if an answer is lost', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  const lost = new Set();
  server.intercept = ({ method, path, headers }) => {
    const key = headers['idempotency-key'];
    if (!key || lost.has(key)) return undefined;
    lost.add(key);
    return 'lose';
  };
  const task = store.create({ title: 'Milk' });
  await equal(store, server);
  store.toggle(task.id);
  store.create({ title: 'Bread' });
  await equal(store, server);
  const last = store.getSnapshot().tasks[0];
  store.remove(last.id);
  await equal(store, server);
  assert.deepEqual(server.list().map(({ title, completed }) => [title, completed]), [['Milk', true]]);
  const writes = server.requests.filter(({ headers }) => headers['idempotency-key']);
  assert.equal(writes.length, 8);
  assert.equal(new Set(writes.map(({ headers }) => headers['idempotency-key'])).size, 4);
  assert.equal(server.changes.length, 4);
}));

test('edits of different fields are merged, also those of a chain of own edits', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  server.intercept = async ({ method }) => {
    if (method !== 'PATCH') return undefined;
    server.intercept = () => undefined;
    server.events = false;
    server.update(id, { description: 'theirs' }); // just before the write
  };
  store.update(id, { title: 'A' });
  await until(() => server.sent('PATCH').length === 1);
  store.update(id, { title: 'B' });
  store.update(id, { priority: 'high' });
  await equal(store, server);
  assert.deepEqual([store.conflicts.length, server.find('B').description, server.find('B').priority], [0, 'theirs', 'high']);
}));

// Makes the server hold the next write until the function returns.
const justBefore = (server, act) => {
  server.intercept = ({ method }) => {
    if (method === 'GET') return undefined;
    server.intercept = () => undefined;
    act();
  };
};

test('the same field edited in two places is a conflict, and both texts are kept until it is resolved', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk', description: 'old' });
  const store = open();
  await live(store);
  const collide = async (mine, theirs) => {
    justBefore(server, () => server.update(id, { title: theirs }));
    store.update(id, { title: mine, description: `with ${mine}` });
    await until(() => store.conflicts.length === 1 && store.pending.length === 0);
    const [conflict] = store.conflicts;
    const { kind, taskId, fields } = conflict;
    assert.deepEqual({ kind, taskId, fields }, { kind: 'edited', taskId: id, fields: ['title'] });
    assert.deepEqual([conflict.mine.title, conflict.theirs.title], [mine, theirs]);
    assert.equal(store.getSnapshot().tasks[0].sync, 'conflict');
    assert.equal(titles(store)[0], theirs);
    assert.equal(server.tasks.get(id).description, `with ${mine}`, 'the other field is written');
    return conflict;
  };
  const first = await collide('mine', 'theirs');
  assert.equal(first.base.title, 'Milk');
  store.resolve(first, 'mine');
  assert.deepEqual(titles(store), ['mine']);
  await equal(store, server);
  assert.equal(server.tasks.get(id).title, 'mine');
  store.resolve(await collide('mine 2', 'theirs 2'), 'theirs');
  await equal(store, server);
  assert.equal(server.tasks.get(id).title, 'theirs 2');
  store.resolve(await collide('mine 3', 'theirs 3'), { title: 'both 3' });
  await equal(store, server);
  assert.deepEqual([server.tasks.get(id).title, store.conflicts.length, store.getSnapshot().tasks[0].sync], ['both 3', 0, 'saved']);
}));

test('a change that arrives while an editor is open is not overwritten in the same field', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk', description: 'old' });
  const store = open();
  await live(store);
  const [opened] = store.getSnapshot().tasks;
  server.update(id, { title: 'theirs' });
  await until(() => titles(store)[0] === 'theirs');
  store.update(id, { title: 'mine', description: 'new' }, opened);
  await until(() => store.conflicts.length === 1 && store.pending.length === 0);
  const [{ mine, theirs, base }] = store.conflicts;
  assert.deepEqual([mine.title, theirs.title, base.title, server.tasks.get(id).description], ['mine', 'theirs', 'Milk', 'new']);
  store.resolve(store.conflicts[0], 'mine');
  await equal(store, server);
  assert.equal(server.tasks.get(id).title, 'mine');
}));

test('an edit of a task that was deleted elsewhere is kept, and can restore or create the task', async () => {
  for (const [choice, expected] of [['theirs', []], ['restore', [1, 'mine']], ['mine', [1, 'mine']], ['recreate', [2, 'mine']]]) {
    for (const trash of [true, false]) {
      await withStores({ trash }, async ({ server, open }) => {
        const { id } = server.create({ title: 'Milk', description: 'fresh', completed: true });
        const store = open();
        await live(store);
        justBefore(server, () => server.remove(id));
        store.update(id, { title: 'mine' });
        await until(() => store.conflicts.length === 1 && store.pending.length === 0);
        const [conflict] = store.conflicts;
        assert.deepEqual([conflict.kind, conflict.mine, conflict.theirs, conflict.base.title], ['deleted', { title: 'mine' }, null, 'Milk']);
        assert.deepEqual(titles(store), []);
        store.resolve(conflict, choice);
        await equal(store, server);
        const [restored] = server.list();
        const result = restored ? [restored.id, restored.title] : [];
        assert.deepEqual(result, expected.length > 0 && !trash ? [2, 'mine'] : expected);
        if (restored) assert.deepEqual([restored.description, restored.completed], ['fresh', true]);
        assert.equal(store.conflicts.length, 0);
      });
    }
  }
});

test('a task that was changed elsewhere is not deleted without a question', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  justBefore(server, () => server.update(id, { completed: true }));
  store.remove(id);
  await equal(store, server);
  assert.deepEqual(server.list(), [], 'completing it is no reason to ask');
  server.restore(id);
  await equal(store, server);
  justBefore(server, () => server.update(id, { title: 'Important' }));
  store.remove(id);
  await until(() => store.conflicts.length === 1);
  assert.deepEqual([store.conflicts[0].kind, titles(store)], ['edited-delete', ['Important']]);
  store.resolve(store.conflicts[0], 'mine');
  await equal(store, server);
  assert.deepEqual(server.list(), []);
}));

test('a deletion can be undone before it is sent and after', async () => {
  for (const trash of [true, false]) {
    await withStores({ trash }, async ({ server, open }) => {
      server.create({ title: 'Milk', completed: true });
      const store = open();
      await live(store);
      const [task] = store.getSnapshot().tasks;
      store.remove(task.id);
      assert.deepEqual(titles(store), []);
      store.restore(task);
      assert.deepEqual(titles(store), ['Milk']);
      await equal(store, server);
      assert.equal(server.sent('DELETE').length, 0);
      store.remove(task.id);
      await equal(store, server);
      store.restore(task);
      store.update(task.id, { title: 'Oat milk' });
      await equal(store, server);
      const [restored] = server.list();
      assert.deepEqual([restored.title, restored.completed, restored.id], ['Oat milk', true, trash ? 1 : 2]);
      assert.equal(store.getSnapshot().tasks[0].key, task.key);
    });
  }
});

test('a refused write is shown and kept, and is not repeated until the user changes it', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  store.update(id, { title: ' ' });
  await until(() => store.failed.length === 1);
  const [failed] = store.failed;
  assert.deepEqual([failed.problem.status, failed.problem.code, failed.problem.errors[0].field], [422, 'invalid_field', 'title']);
  assert.deepEqual([titles(store), store.getSnapshot().tasks[0].sync], [['Milk'], 'failed']);
  store.update(id, { description: 'goes on' });
  await until(() => server.tasks.get(id).description === 'goes on');
  store.retry(failed.uid, { title: 'Oat milk' });
  await equal(store, server);
  assert.deepEqual([store.failed.length, titles(store), server.sent('PATCH').length], [0, ['Oat milk'], 3]);

  let limit = true;
  server.intercept = ({ method }) => (limit && method === 'POST' ? problem(409, 'task_limit_reached') : undefined);
  const refused = store.create({ title: 'Too many' });
  await until(() => store.failed.length === 1);
  assert.deepEqual([titles(store), store.getSnapshot().tasks[0].sync], [['Too many', 'Oat milk'], 'failed']);
  limit = false;
  store.update(refused.id, { title: 'One more' }); // an edit of a refused create sends it again
  await equal(store, server);
  assert.deepEqual(server.list().map(({ title }) => title), ['One more', 'Oat milk']);
  limit = true;
  store.create({ title: 'Too many' });
  await until(() => store.failed.length === 1);
  store.discard(store.failed[0].uid);
  await equal(store, server);
}));

test('a refusal for a time is repeated after Retry-After', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  let refusals = 0;
  server.intercept = ({ method }) => {
    if (method !== 'POST' || (refusals += 1) > 2) return undefined;
    return { ...problem(refusals === 1 ? 429 : 503, 'busy'), headers: { 'Retry-After': '0' } };
  };
  store.create({ title: 'Milk' });
  await equal(store, server);
  assert.deepEqual([server.list().length, server.sent('POST').length], [1, 3]);
}));

test('writes while the server is down are sent when it is back', () => withStores({}, async ({ server, open }) => {
  const kept = server.create({ title: 'Kept' });
  const removed = server.create({ title: 'Removed' });
  const store = open();
  await live(store);
  await server.stop();
  await until(() => store.status === 'offline');
  const created = store.create({ title: 'New' });
  for (const title of ['N', 'Ne', 'New task']) store.update(created.id, { title });
  store.toggle(kept.id);
  store.toggle(kept.id);
  store.toggle(kept.id);
  store.remove(removed.id);
  const never = store.create({ title: 'Never sent' });
  store.remove(never.id);
  assert.deepEqual(titles(store), ['New task', 'Kept']);
  await until(() => store.pending.length === 3);
  await server.start();
  store.refresh();
  await equal(store, server);
  assert.deepEqual(server.list().map(({ title, completed }) => [title, completed]), [['New task', false], ['Kept', true]]);
  assert.equal(server.requests.filter(({ method }) => method !== 'GET').length, 3);
}));

test('an expired token is renewed for requests and for the stream, once', () => withStores({}, async ({ server, open }) => {
  let calls = 0;
  const store = open({ token: async () => ((calls += 1), 'token') });
  await live(store);
  server.endStreams('end', { reason: 'token_expired' });
  await until(() => server.streams.size === 1);
  assert.equal(calls, 2);
  let expired = true;
  server.intercept = ({ method }) => {
    if (method !== 'POST' || !expired) return undefined;
    expired = false;
    return problem(401, 'token_expired');
  };
  store.create({ title: 'Milk' });
  await equal(store, server);
  assert.deepEqual([calls, server.sent('POST').length], [3, 2]);
}));

test('without a valid token the outbox is kept until the next sign-in', () => withStores({}, async ({ server, open }) => {
  let token = async () => 'token';
  const store = open({ token: () => token() });
  await live(store);
  server.tokens.clear();
  store.create({ title: 'Milk' });
  await until(() => store.status === 'signed-out');
  assert.equal(store.pending.length, 1);
  token = async () => Promise.reject(new Error('Please sign in'));
  store.refresh();
  await until(() => store.status === 'signed-out');
  token = async () => 'new token';
  server.tokens.add('new token');
  store.refresh();
  await equal(store, server);
  assert.deepEqual([server.list().length, titles(store)], [1, ['Milk']]);
}));

test('410 and resync replace the copy, and keep the outbox', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  let isHeld = true;
  server.intercept = ({ method }) => (isHeld && method === 'POST' ? { ...problem(503, 'database_unavailable'), headers: { 'Retry-After': '0' } } : undefined);
  store.create({ title: 'Bread' });
  await until(() => server.sent('POST').length > 0);
  server.tasks.delete(id); // a backup was restored: the feed does not have this
  server.begin = server.next();
  server.create({ title: 'Restored' });
  server.endStreams('resync', {});
  await until(() => server.sent('GET', /tasks$/).length === 2);
  await until(() => titles(store).join() === 'Bread,Restored');
  server.tasks.clear();
  server.begin = server.next();
  server.endStreams('end', { reason: 'restart' });
  await until(() => server.sent('GET', /tasks$/).length === 3);
  await until(() => titles(store).join() === 'Bread');
  isHeld = false;
  await equal(store, server);
  assert.deepEqual(server.list().map(({ title }) => title), ['Bread']);
}));

test('an interrupted stream goes on where it was', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  for (let round = 0; round < 5; round += 1) {
    for (const stream of server.streams) stream.destroy();
    server.streams.clear();
    server.create({ title: `Task ${round}` });
    server.create({ title: `Other ${round}` });
    store.refresh();
    await equal(store, server);
  }
  assert.equal(server.sent('GET', /tasks$/).length, 2, 'the first state, 0, is not known after the first task');
}));

test('unknown changes and unknown events are ignored', () => withStores({}, async ({ server, open }) => {
  server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  server.log({ type: 'renamed', id: 99, version: server.next() });
  for (const stream of server.streams) stream.write('event: news\ndata: {}\n\n');
  server.create({ title: 'Bread' });
  await equal(store, server);
}));

test('each reminder is passed on once, after it is stored, also by a function that fails', () => withStores({}, async ({ server, open }) => {
  const task = server.create({ title: 'Milk' });
  const remind = (n, late_by) => {
    const version = server.next();
    server.log({ type: 'reminder', id: task.id, version, reminder: { n, at: '2026-01-31T10:00:00.000000Z', ...(late_by && { late_by }) } });
    return version;
  };
  remind(1); // before the list, whose state has it
  const heard = [];
  const store = open({
    onReminder: (reminder) => {
      heard.push(reminder);
      throw new Error('The app has failed, which the test expects');
    },
  });
  await live(store);
  const version = remind(2, 90);
  server.update(task.id, { title: 'Oat milk' });
  await equal(store, server);
  assert.deepEqual(heard, [{ taskId: task.id, n: 2, at: '2026-01-31T10:00:00.000000Z', lateBy: 90, version }]);
  const [shown] = store.getSnapshot().tasks;
  assert.deepEqual([shown.title, shown.version], ['Oat milk', server.find('Oat milk').version]);

  // The last event is a reminder: a stream that was interrupted goes on behind it.
  remind(1);
  await until(() => heard.length === 2);
  const listens = () => server.sent('GET', /events/).length;
  const before = listens();
  for (const stream of server.streams) stream.destroy();
  await until(() => listens() > before && store.status === 'live');
  remind(1);
  await until(() => heard.length === 3);
  assert.deepEqual(heard.map(({ n, lateBy }) => [n, lateBy]), [[2, 90], [1, 0], [1, 0]]);
  await equal(store, server);
}));

test('without a stream, reminders are found with the changes', () => withStores({ events: false }, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const heard = [];
  const store = open({ onReminder: (reminder) => heard.push(reminder) });
  await until(() => store.status === 'online');
  for (const n of [1, 2, 3]) server.log({ type: 'reminder', id, version: server.next(), reminder: { n, at: '2026-01-31T10:00:00.000000Z' } });
  await until(() => heard.length === 3);
  server.create({ title: 'Bread' });
  await equal(store, server);
  assert.deepEqual(heard.map(({ n }) => n), [1, 2, 3]);
}));

test('a server that has no events is asked from time to time', () => withStores({ events: false }, async ({ server, open }) => {
  const store = open();
  await until(() => store.status === 'online');
  server.create({ title: 'Milk' });
  await equal(store, server);
  store.create({ title: 'Bread' });
  await equal(store, server);
  assert.equal(server.sent('GET', /events/).length, 1);
}));

test('without a place for another listener, changes are asked for', () => withStores({}, async ({ server, open }) => {
  server.intercept = ({ path }) => (/events/.test(path) ? problem(503, 'busy') : undefined);
  const store = open();
  await until(() => store.status === 'online');
  server.create({ title: 'Milk' });
  await equal(store, server);
}));
