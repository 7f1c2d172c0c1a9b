// The pauses between requests that fail again and again. The numbers are upper limits, so a slow machine cannot exceed them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equal, until, withStores } from './lib/store.js';
import { problem } from './lib/task-server.js';

const live = (store) => until(() => store.status === 'live');
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const isWrite = ({ method }) => method !== 'GET';
const later = (status, seconds) => ({ ...problem(status, 'later'), headers: { 'Retry-After': String(seconds) } });

test('a stream that ends at once again and again is not opened without a pause', async () => {
  for (const [event, data] of [['end', { reason: 'token_expired' }], ['end', { reason: 'restart' }], ['resync', {}]]) {
    await withStores({}, async ({ server, open }) => {
      const original = server.stream;
      server.stream = (since, response) => {
        original.call(server, since, response);
        server.endStreams(event, data);
      };
      open();
      await until(() => server.sent('GET', /events/).length === 2);
      await pause(1000);
      const { length } = server.sent('GET', /events/);
      assert.ok(length < 8, `${length} streams that end with ${event}`);
    });
  }
});

test('writes whose token is refused wait for the next sign-in, also if reads succeed', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  server.intercept = (request) => (isWrite(request) ? problem(401, 'token_invalid') : undefined);
  store.create({ title: 'Milk' });
  await until(() => store.status === 'signed-out');
  await pause(300);
  assert.deepEqual([server.sent('POST').length, server.sent('GET', /events/).length], [2, 1]);
  server.intercept = () => undefined;
  store.refresh();
  await equal(store, server);
  await live(store);
}));

test('a write of a task that changes again and again is repeated after a pause', () => withStores({}, async ({ server, open }) => {
  const { id } = server.create({ title: 'Milk' });
  const store = open();
  await live(store);
  server.intercept = ({ method }) => {
    if (method !== 'PATCH') return undefined;
    return problem(412, 'precondition_failed', { current: server.update(id, { description: String(Math.random()) }), conflicts: [] });
  };
  store.update(id, { title: 'Oat milk' });
  await until(() => server.sent('PATCH').length === 2);
  await pause(1000);
  const { length } = server.sent('PATCH');
  assert.ok(length < 8, `${length} requests`);
  server.intercept = () => undefined;
  await equal(store, server);
  assert.equal(server.tasks.get(id).title, 'Oat milk');
}));

test('any refusal of events leaves the store online, and events are tried again later', async () => {
  for (const status of [403, 429, 500, 502, 503, 504]) {
    await withStores({}, async ({ server, open }) => {
      server.intercept = ({ path }) => (/events/.test(path) ? problem(status, 'refused') : undefined);
      const store = open();
      await until(() => server.sent('GET', /changes/).length > 5);
      assert.deepEqual([store.status, server.sent('GET', /events/).length], ['online', 1], `after ${status}`);
      server.intercept = () => undefined;
      store.refresh(); // tries at once
      await live(store);
    });
  }
});

test('a connection that is lost does not cancel the Retry-After of a write', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  server.intercept = (request) => (isWrite(request) ? later(503, 600) : undefined);
  store.create({ title: 'Milk' });
  await until(() => server.sent('POST').length === 1);
  server.intercept = () => problem(500, 'internal_error');
  server.endStreams('end', { reason: 'restart' });
  await until(() => store.status === 'offline');
  server.intercept = () => undefined;
  await live(store);
  assert.equal(server.sent('POST').length, 1);
  store.refresh(); // is a wish of the user
  await equal(store, server);
}));

test('a clock that is set back does not hold writes back', () => withStores({}, async ({ server, open }) => {
  const store = open();
  await live(store);
  const { now } = Date;
  try {
    Date.now = () => now() + 3_600_000;
    server.intercept = (request) => (isWrite(request) ? problem(503, 'busy') : undefined);
    store.create({ title: 'Milk' });
    await until(() => server.sent('POST').length === 1);
    await pause(200); // the answer arrives, by the wrong clock
  } finally {
    Date.now = now;
  }
  server.intercept = () => undefined;
  await equal(store, server);
  assert.equal(server.sent('GET', /events/).length, 1, 'no new connection was needed');
}));

test('a Retry-After of months does not overflow a timer', () => withStores({}, async ({ server, open }) => {
  const warnings = [];
  const warned = ({ name }) => warnings.push(name);
  process.on('warning', warned);
  const store = open();
  await live(store);
  server.intercept = (request) => (isWrite(request) ? later(503, 8_000_000) : undefined);
  store.create({ title: 'Milk' });
  await until(() => server.sent('POST').length === 1);
  await pause(100);
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
}));
