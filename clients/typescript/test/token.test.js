import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problem, withServer } from './lib/server.js';

const expired = problem(401, 'token_expired');
const answerTo = (good) => ({ token }) => (good(token) ? { body: [] } : expired);

// Returns a source of the tokens t1, t2, … that counts its calls.
function tokens() {
  const source = async () => `t${(source.calls += 1)}`;
  source.calls = 0;
  return source;
}

test('a token is fetched once and kept for the next requests', () => withServer([{}], async ({ client, received }) => {
  const token = tokens();
  const tasks = client({ token });
  for (let count = 0; count < 3; count += 1) await tasks.GET('/api/tasks');
  assert.deepEqual(received.map(({ token }) => token), ['t1', 't1', 't1']);
}));

test('after token_expired the token is renewed and the request is sent again with its body', () =>
  withServer([expired, { status: 201, body: { id: 1 } }], async ({ client, received }) => {
    const tasks = client({ token: tokens() });
    const { response } = await tasks.POST('/api/tasks', { body: { title: 'Buy milk' } });
    assert.equal(response.status, 201);
    const body = '{"title":"Buy milk"}';
    assert.deepEqual(received, [
      { method: 'POST', url: '/api/tasks', token: 't1', body },
      { method: 'POST', url: '/api/tasks', token: 't2', body },
    ]);
  }));

test('a token that is expired again is not renewed a second time', () => withServer([expired], async ({ client, received }) => {
  const { error } = await client({ token: tokens() }).GET('/api/tasks');
  assert.equal(error.code, 'token_expired');
  assert.equal(received.length, 2);
}));

test('other refusals of a token are returned without a renewal', async () => {
  for (const answer of [problem(401, 'token_invalid'), problem(403, 'not_owner'), { status: 401, body: 'Unauthorized' }]) {
    await withServer([answer], async ({ client, received }) => {
      const { response } = await client({ token: tokens() }).GET('/api/tasks');
      assert.equal(response.status, answer.status);
      assert.equal(received.length, 1);
    });
  }
});

test('requests in flight at the same time share one fetch and one renewal', () =>
  withServer([answerTo((token) => token === 't2')], async ({ client, received }) => {
    const token = tokens();
    const tasks = client({ token });
    const all = await Promise.all(Array.from({ length: 10 }, () => tasks.GET('/api/tasks')));
    assert.deepEqual(all.map(({ response }) => response.status), Array(10).fill(200));
    assert.equal(token.calls, 2);
    assert.equal(received.length, 20);
  }));

test('a failure to fetch a token rejects the request and is not kept', () => withServer([{}], async ({ client, received }) => {
  let isSignedIn = false;
  const tasks = client({
    token: async () => {
      if (!isSignedIn) throw new Error('Please sign in');
      return 'token';
    },
  });
  await assert.rejects(tasks.GET('/api/tasks'), /Please sign in/);
  assert.equal(received.length, 0);
  isSignedIn = true;
  assert.equal((await tasks.GET('/api/tasks')).response.status, 200);
}));

test('two clients do not share a token', () => withServer([{}], async ({ client, received }) => {
  const [alice, bob] = [client({ token: async () => 'alice' }), client({ token: async () => 'bob' })];
  for (const tasks of [alice, bob, alice]) await tasks.GET('/api/tasks');
  assert.deepEqual(received.map(({ token }) => token), ['alice', 'bob', 'alice']);
}));
