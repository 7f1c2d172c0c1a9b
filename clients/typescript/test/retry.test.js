import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfter } from '../dist/retry.js';
import { problem, withServer } from './lib/server.js';

const soon = { 'Retry-After': '0' };
const unavailable = problem(503, 'database_unavailable', soon);
const task = { params: { path: { id: 1 } } };

// Calls an operation while the server gives these answers. Returns the status and the number of requests.
async function call(answers, use, retry) {
  let result;
  await withServer(answers, async ({ client, received }) => {
    const { response } = await use(client({ retry }));
    result = [response.status, received.length];
  });
  return result;
}

const list = (tasks) => tasks.GET('/api/tasks');
const create = (tasks) => tasks.POST('/api/tasks', { body: { title: 'Buy milk' } });

test('429 is repeated for every method, because the request was refused', async () => {
  const busy = problem(429, 'rate_limited', soon);
  assert.deepEqual(await call([busy, busy, {}], list), [200, 3]);
  assert.deepEqual(await call([busy, { status: 201 }], create), [201, 2]);
  assert.deepEqual(await call([busy, {}], (tasks) => tasks.PATCH('/api/tasks/{id}/complete', task)), [200, 2]);
});

test('the body of a repeated request is that of the first one', () =>
  withServer([problem(429, 'busy', soon), { status: 201 }], async ({ client, received }) => {
    await create(client());
    assert.deepEqual(received.map(({ body }) => body), Array(2).fill('{"title":"Buy milk"}'));
  }));

test('503 is repeated for idempotent methods', async () => {
  assert.deepEqual(await call([unavailable, {}], list), [200, 2]);
  assert.deepEqual(await call([unavailable, {}], (tasks) => tasks.PUT('/api/tasks/{id}', { ...task, body: { title: 'x' } })), [200, 2]);
  assert.deepEqual(await call([unavailable, { status: 204 }], (tasks) => tasks.DELETE('/api/tasks/{id}', task)), [204, 2]);
});

test('503 is not repeated for a create or a flip, because it may have been done', async () => {
  assert.deepEqual(await call([unavailable, {}], create), [503, 1]);
  assert.deepEqual(await call([unavailable, {}], (tasks) => tasks.PATCH('/api/tasks/{id}/complete', task)), [503, 1]);
  const ofProxy = { status: 503, headers: { ...soon, 'Content-Type': 'text/html' }, body: '<h1>Service unavailable</h1>' };
  assert.deepEqual(await call([ofProxy, {}], create), [503, 1]);
});

test('503 is repeated for a create with an Idempotency-Key, which the repetition has too', () =>
  withServer([unavailable, { status: 201 }], async ({ client, received }) => {
    await client().POST('/api/tasks', { params: { header: { 'Idempotency-Key': 'k' } }, body: { title: 'x' } });
    assert.deepEqual(received.map(({ key }) => key), ['k', 'k']);
  }));

test('503 key_server_unavailable is repeated for every method, because the token was not checked yet', async () => {
  assert.deepEqual(await call([problem(503, 'key_server_unavailable', soon), { status: 201 }], create), [201, 2]);
});

test('a request is sent three times at most, or as often as the option states', async () => {
  assert.deepEqual(await call([unavailable], list), [503, 3]);
  assert.deepEqual(await call([unavailable], list, { attempts: 1 }), [503, 1]);
  assert.deepEqual(await call([unavailable], list, { attempts: 5 }), [503, 5]);
});

test('a response without Retry-After, or with a longer one than allowed, is returned at once', async () => {
  assert.deepEqual(await call([problem(503, 'database_unavailable')], list), [503, 1]);
  assert.deepEqual(await call([problem(429, 'rate_limited', { 'Retry-After': '3600' })], list), [429, 1]);
  assert.deepEqual(await call([problem(429, 'rate_limited', { 'Retry-After': '1' })], list, { maxWait: 0 }), [429, 1]);
});

test('other errors and broken connections are not repeated', async () => {
  assert.deepEqual(await call([problem(500, 'internal_error', soon)], list), [500, 1]);
  await withServer([{ status: 0 }], async ({ client, received }) => {
    await assert.rejects(create(client()), TypeError);
    assert.equal(received.length, 1);
  });
});

test('the signal of a request ends the wait', () =>
  withServer([problem(503, 'database_unavailable', { 'Retry-After': '30' })], async ({ client, received }) => {
    const controller = new AbortController();
    const fetchAndAbort = async (request) => {
      const response = await fetch(request);
      setTimeout(() => controller.abort(), 50); // the wait has begun
      return response;
    };
    const started = client({ fetch: fetchAndAbort }).GET('/api/tasks', { signal: controller.signal });
    await assert.rejects(started, { name: 'AbortError' });
    assert.equal(received.length, 1);
  }));

test('Retry-After is a number of seconds or an HTTP date', () => {
  const now = Date.parse('2026-01-31T09:30:00Z');
  assert.equal(retryAfter('5', now), 5000);
  assert.equal(retryAfter('0', now), 0);
  assert.equal(retryAfter('Sat, 31 Jan 2026 09:30:07 GMT', now), 7000);
  assert.equal(retryAfter('Sat, 31 Jan 2026 09:29:00 GMT', now), 0);
  for (const value of [null, '', 'soon', '-1', '1.5']) assert.equal(retryAfter(value, now), undefined, value);
});
