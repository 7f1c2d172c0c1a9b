// Better Auth's keys: rotation, failures of the key server, and forged tokens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { SECRET, startBetterAuth } from './lib/better-auth.js';
import { startApi } from './lib/program.js';

// Runs a test with its own Better Auth and its own task server, which fetches the keys at its start. `before` runs in between.
function scenario(name, run, { before, ...options } = {}) {
  test(name, async () => {
    const auth = await startBetterAuth(options);
    before?.(auth);
    const api = await startApi({ BETTER_AUTH_URL: auth.url });
    try {
      await run(auth, api);
    } finally {
      await api.stop();
      await auth.stop().catch(() => {});
    }
  });
}

const status = async (api, token) => (await api.call(token)).status;

scenario('a key that was added by rotation is accepted immediately', async (auth, api) => {
  const alice = await auth.signUp();
  const old = await auth.jwt(alice);
  assert.equal(await status(api, old), 200);
  auth.keys()[0].expiresAt = new Date(Date.now() - 1000); // Better Auth signs with a new key, and still publishes this one
  const renewed = await auth.jwt(alice);
  assert.notEqual(renewed.split('.')[0], old.split('.')[0]);
  assert.equal(await status(api, renewed), 200);
  assert.equal(await status(api, old), 200);
});

scenario('tokens of a removed key are refused after the next fetch of the keys', async (auth, api) => {
  const alice = await auth.signUp();
  const stolen = await auth.jwt(alice);
  assert.equal(await status(api, stolen), 200);
  auth.keys().length = 0;
  const renewed = await auth.jwt(alice); // an unknown key: the server fetches the keys
  assert.equal(await status(api, renewed), 200);
  assert.equal(await status(api, stolen), 401);
});

scenario('a new key under an old id replaces the old key', async (auth, api) => {
  const old = await auth.jwt(await auth.signUp());
  assert.equal(await status(api, old), 200);
  auth.reset();
  const renewed = await auth.jwt(await auth.signUp());
  assert.equal(renewed.split('.')[0], old.split('.')[0], 'the same key id');
  assert.equal(await status(api, renewed), 200);
  assert.equal(await status(api, old), 401);
}, { serialIds: true });

const FAILURES = {
  'is slow': (response) => setTimeout(() => response.end('{"keys":[]}'), 30_000).unref(),
  'answers 429': (response) => response.writeHead(429).end('{"message":"Too many requests"}'),
  'answers 500': (response) => response.writeHead(500).end('oops'),
  'answers HTML': (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Sign in</title>'),
  'answers an empty set': (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":[]}'),
  'hangs up': (response) => response.destroy(),
};

for (const [failure, misbehave] of Object.entries(FAILURES)) {
  scenario(`a key server that ${failure}: 503 if there is no key yet, and 200 after recovery`, async (auth, api) => {
    const token = await auth.jwt(await auth.signUp());
    const answer = await api.call(token);
    assert.equal(answer.status, 503);
    assert.equal(answer.json.code, 'key_server_unavailable');
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    auth.misbehave();
    await new Promise((resolve) => setTimeout(resolve, Number(answer.headers.get('retry-after')) * 1000));
    assert.equal(await status(api, token), 200);
  }, { before: (auth) => auth.misbehave(misbehave) });

  scenario(`a key server that ${failure}: known keys still work, an unknown one is 503`, async (auth, api) => {
    const alice = await auth.signUp();
    const token = await auth.jwt(alice);
    assert.equal(await status(api, token), 200);
    auth.misbehave(misbehave);
    assert.equal(await status(api, await auth.jwt(alice)), 200);
    auth.keys().length = 0;
    assert.equal(await status(api, await auth.jwt(alice)), 503);
    assert.equal(await status(api, token), 200);
  });
}

test('the server starts while Better Auth is down, and accepts tokens when it is up', async () => {
  const auth = await startBetterAuth();
  const token = await auth.jwt(await auth.signUp());
  await auth.stop();
  const api = await startApi({ BETTER_AUTH_URL: auth.url });
  try {
    assert.equal(await status(api, token), 503);
    await auth.startAgain();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal(await status(api, token), 200);
  } finally {
    await api.stop();
    await auth.stop();
  }
});

scenario('tokens that Better Auth did not sign are 401, and many of them cause few fetches of the keys', async (auth, api) => {
  const alice = await auth.signUp();
  assert.equal(await status(api, await auth.jwt(alice)), 200);
  const { privateKey, publicKey } = await generateKeyPair('EdDSA');
  const jwk = await exportJWK(publicKey);
  const sign = (header, claims = {}) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA', ...header }).setSubject(alice.id).setIssuedAt().setExpirationTime('15m')
      .setIssuer(auth.url).setAudience(auth.url).sign(privateKey);
  const published = auth.keys()[0].id;
  for (const header of [{ kid: published }, { kid: published, jwk }, { kid: published, jku: auth.url }, { kid: 'made-up' }, {}, { kid: '' }]) {
    assert.equal(await status(api, await sign(header)), 401, JSON.stringify(header));
  }
  const [before, began] = [auth.keyRequests(), Date.now()];
  for (let round = 0; round < 100; round += 1) {
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, number) => sign({ kid: `${round}-${number}` })));
    for (const got of await Promise.all(tokens.map((token) => status(api, token)))) assert.equal(got, 401);
  }
  const allowed = 5 + Math.ceil((Date.now() - began) / 10_000);
  assert.ok(auth.keyRequests() - before <= allowed, `${auth.keyRequests() - before} fetches, ${allowed} allowed`);
  assert.equal(await status(api, await auth.jwt(alice)), 200);
});

test('a token of a published key is checked: issuer, audience, time, subject, algorithm', async () => {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA');
  const auth = await startBetterAuth();
  const jwk = { ...(await exportJWK(publicKey)), kid: 'ours', alg: 'EdDSA' };
  auth.misbehave((response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })));
  const api = await startApi({ BETTER_AUTH_URL: auth.url });
  try {
    const now = Math.floor(Date.now() / 1000);
    const good = { sub: 'alice', iat: now, exp: now + 60, iss: auth.url, aud: auth.url };
    const sign = (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid: 'ours', ...header }).sign(privateKey);
    for (const claims of [good, { ...good, aud: ['x', auth.url] }, { ...good, exp: now + 60.5 }, { ...good, exp: now - 20 }]) {
      assert.equal(await status(api, await sign(claims)), 200, JSON.stringify(claims));
    }
    for (const name of ['sub', 'exp', 'iss', 'aud']) {
      const { [name]: _, ...without } = good;
      assert.equal(await status(api, await sign(without)), 401, `without ${name}`);
    }
    const wrong = { iss: 'https://evil.example', aud: ['x'], sub: '', exp: now - 60, nbf: now + 60, iat: 'now' };
    for (const [name, value] of Object.entries(wrong)) {
      assert.equal(await status(api, await sign({ ...good, [name]: value })), 401, `${name}: ${value}`);
    }
    assert.equal((await api.call(await sign({ ...good, exp: now - 60 }))).json.code, 'token_expired');
    for (const header of [{ crit: ['b64'], b64: true }, { typ: 'at+jwt' }, { x5u: 'https://evil.example' }]) {
      assert.equal(await status(api, await sign(good, header)), 401, JSON.stringify(header));
    }
    assert.equal(await status(api, await sign(good, { alg: 'Ed25519' })), 200, 'the new name of the algorithm');
    // HS256 with the public key as the secret, in each form that a vulnerable server might use.
    const confused = (secret) => new SignJWT(good).setProtectedHeader({ alg: 'HS256', kid: 'ours' }).sign(secret);
    const forms = [Buffer.from(jwk.x, 'base64url'), jwk.x, JSON.stringify(jwk), await exportSPKI(publicKey)];
    for (const form of forms) assert.equal(await status(api, await confused(Buffer.from(form))), 401);
  } finally {
    await api.stop();
    await auth.stop();
  }
});

test('a key is valid only for its own algorithm, and a modified signature is refused', async () => {
  for (const alg of ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256']) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { modulusLength: 2048, extractable: true });
    const auth = await startBetterAuth();
    const jwk = { ...(await exportJWK(publicKey)), kid: 'ours', alg };
    auth.misbehave((response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })));
    const api = await startApi({ BETTER_AUTH_URL: auth.url, BETTER_AUTH_SECRET: SECRET });
    try {
      const claims = () => new SignJWT({}).setSubject('alice').setIssuedAt().setExpirationTime('1m').setIssuer(auth.url).setAudience(auth.url);
      const token = await claims().setProtectedHeader({ alg, kid: 'ours' }).sign(privateKey);
      const [header, payload, signature] = token.split('.');
      const bytes = Buffer.from(signature, 'base64url');
      bytes[bytes.length - 5] ^= 1;
      assert.equal(await status(api, `${header}.${payload}.${bytes.toString('base64url')}`), 401, alg);
      if (alg === 'RS256' || alg === 'PS256') {
        const other = alg === 'RS256' ? 'PS256' : 'RS256';
        const key = await importJWK({ ...(await exportJWK(privateKey)), alg: other }, other);
        assert.equal(await status(api, await claims().setProtectedHeader({ alg: other, kid: 'ours' }).sign(key)), 401, alg);
      }
      assert.equal(await status(api, token), 200, alg);
    } finally {
      await api.stop();
      await auth.stop();
    }
  }
});
