// Tokens that never arrive, and those that there are not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transport } from '../dist/sync/transport.js';
import { browser, equal, until, withStores } from './lib/store.js';

const never = () => new Promise(() => {});

test('a token that never arrives ends the request in time, and is fetched again by the next one', () => withStores({}, async ({ server }) => {
  const results = [never(), Promise.resolve('token')];
  const transport = new Transport(server.url, () => results.shift());
  await assert.rejects(transport.call('GET', '/api/tasks', { timeout: 10 }), { message: /no token in time/ });
  const { response } = await transport.call('GET', '/api/tasks');
  assert.equal(response.status, 200);
}));

test('a token that never arrives at a renewal ends the request', () => withStores({}, async ({ server }) => {
  const results = [Promise.resolve('old'), never(), Promise.resolve('token')];
  const transport = new Transport(server.url, () => results.shift());
  const controller = new AbortController();
  const request = transport.call('GET', '/api/tasks', { signal: controller.signal });
  await until(() => results.length === 1);
  controller.abort();
  await assert.rejects(request);
  assert.equal((await transport.call('GET', '/api/tasks')).response.status, 200);
}));

test('another tab takes over if the leading one is closed while it waits for a token or a request that never ends', () =>
  withStores({}, async ({ server, open }) => {
    for (const options of [{ token: never }, { fetch: never }]) {
      const platform = browser();
      const first = open({ platform, ...options });
      await first.ready;
      const second = open({ platform });
      await second.ready;
      second.create({ title: 'Milk' });
      await first.close();
      await equal(second, server);
      await second.close();
    }
  }));

test('the copy is deleted at once, also while a token or a request never ends', () => withStores({}, async ({ open }) => {
  for (const options of [{ token: never }, { fetch: never }]) {
    const platform = browser();
    const store = open({ platform, ...options });
    await store.ready;
    await store.forget();
    assert.deepEqual(await platform.indexedDB.databases(), []);
    assert.equal(store.status, 'closed');
  }
}));

test('no token, and a function that throws, mean that no user is signed in', () => withStores({}, async ({ open }) => {
  const broken = () => undefined.access_token;
  for (const token of [async () => null, async () => undefined, async () => '', () => null, broken]) {
    const store = open({ token });
    await until(() => !['loading', 'connecting'].includes(store.status));
    assert.equal(store.status, 'signed-out');
  }
}));
