// Tokens of a real Better Auth against the real server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SECRET, startBetterAuth } from './lib/better-auth.js';
import { startApi } from './lib/program.js';

const ALGORITHMS = {
  'EdDSA, the default': undefined,
  ES256: { alg: 'ES256' },
  ES512: { alg: 'ES512' },
  RS256: { alg: 'RS256' },
  PS256: { alg: 'PS256' },
};

for (const [name, keyPairConfig] of Object.entries(ALGORITHMS)) {
  test(`a user who signs up gets a token that works: ${name}`, async () => {
    const auth = await startBetterAuth({ keyPairConfig });
    const [alice, bob] = [await auth.signUp(), await auth.signUp()];
    // Better Auth makes its key for the first token. The server fetches the keys at its start.
    const first = await auth.jwt(alice);
    const api = await startApi({ BETTER_AUTH_URL: auth.url });
    try {
      const created = await api.call(first, '/api/tasks', { method: 'POST', body: { title: 'hers' } });
      assert.equal(created.status, 201);
      assert.equal((await api.call(await auth.jwt(alice), `/api/${alice.id}/tasks`)).json.length, 1);
      assert.equal((await api.call(await auth.jwt(bob), created.headers.get('location'))).status, 403);
      // One at the start, and one more if the first request came before its answer. The others use the cached keys.
      assert.ok([1, 2].includes(auth.keyRequests()), `${auth.keyRequests()} fetches`);
    } finally {
      await api.stop();
      await auth.stop();
    }
  });
}

let auth, both, keysOnly;
before(async () => {
  auth = await startBetterAuth();
  both = await startApi({ BETTER_AUTH_URL: auth.url, BETTER_AUTH_SECRET: SECRET });
  keysOnly = await startApi({ BETTER_AUTH_URL: auth.url });
});
after(async () => {
  await both?.stop();
  await keysOnly?.stop();
  await auth?.stop();
});

test('a token of a jose route and one of the plugin work for the same user', async () => {
  const alice = await auth.signUp();
  await both.call(await auth.joseJwt(alice), '/api/tasks', { method: 'POST', body: { title: 'by jose' } });
  const list = await both.call(await auth.jwt(alice));
  assert.deepEqual(list.json.map((task) => task.title), ['by jose']);
  assert.equal((await keysOnly.call(await auth.joseJwt(alice))).status, 401);
  assert.equal((await both.call(await auth.joseJwt(alice, 'another secret, also longer than 32 bytes'))).status, 401);
});

test('a value that is not a JWT is 401, and the error names what to send', async () => {
  const alice = await auth.signUp();
  for (const wrong of [alice.sessionToken, decodeURIComponent(alice.cookie.split('=')[1])]) {
    const answer = await both.call(wrong);
    assert.equal(answer.status, 401);
    assert.match(answer.json.detail, /session token.*\/api\/auth\/token/);
  }
});

test('twenty users who sign in at the same time without cached keys are all served, with few fetches of the keys', async () => {
  const fresh = await startBetterAuth();
  const api = await startApi({ BETTER_AUTH_URL: fresh.url });
  try {
    const users = [];
    for (let count = 0; count < 20; count += 1) users.push(await fresh.signUp());
    // Better Auth creates its first keys now, possibly several.
    const statuses = await Promise.all(users.map(async (user) => (await api.call(await fresh.jwt(user))).status));
    assert.deepEqual(statuses, Array(20).fill(200));
    assert.ok(fresh.keyRequests() <= 5, `${fresh.keyRequests()} questions`);
  } finally {
    await api.stop();
    await fresh.stop();
  }
});
