// Agents at /mcp: the official clients, and the sign-in with a real Better Auth.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { consent, provider } from './lib/agent.js';
import { startBetterAuth } from './lib/better-auth.js';
import { freePort, root, startApi } from './lib/program.js';

const INFO = { name: 'test', version: '1' };
const TOOLS = ['add_task', 'list_tasks', 'get_task', 'complete_task', 'update_task', 'delete_task', 'restore_task', 'task_summary'];

// How each client is made, and the revision that it agrees on with the server.
const CLIENTS = {
  'client 2, which looks for the newest revision': {
    make: () => new Client(INFO, { versionNegotiation: { mode: 'auto' } }), Transport: StreamableHTTPClientTransport, revision: '2026-07-28',
  },
  'client 2 as it is': { make: () => new Client(INFO), Transport: StreamableHTTPClientTransport, revision: '2025-11-25' },
  'sdk 1': { make: () => new OldClient(INFO), Transport: OldTransport, revision: '2025-11-25' },
};

/** Connects a client with this token, and notes the revision of its requests. */
async function connect({ make, Transport }, url, token) {
  const revisions = new Set();
  const fetchNoting = (address, init) => {
    const revision = new Headers(init?.headers).get('mcp-protocol-version');
    if (revision) revisions.add(revision);
    return fetch(address, init);
  };
  const client = make();
  await client.connect(new Transport(new URL(`${url}/mcp`), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } }, fetch: fetchNoting,
  }));
  return { client, revisions };
}

/** Calls a tool that succeeds, and returns its structured result, which the client has checked against the output schema. */
async function does(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  assert.ok(!result.isError, JSON.stringify(result));
  assert.deepEqual(JSON.parse(result.content[0].text), result.structuredContent);
  return result.structuredContent;
}

async function refused(client, name, args, sentence) {
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError, true, JSON.stringify(result));
  assert.match(result.content[0].text, sentence);
}

let auth, api, strict, resource;
before(async () => {
  const port = await freePort();
  resource = `http://127.0.0.1:${port}/mcp`;
  auth = await startBetterAuth({ resource });
  api = await startApi({ PORT: port, BETTER_AUTH_URL: auth.url });
  strict = await startApi({ BETTER_AUTH_URL: auth.url, MCP_REQUIRE_OAUTH: 'true' });
});
after(async () => {
  await api?.stop();
  await strict?.stop();
  await auth?.stop();
});

for (const [name, kind] of Object.entries(CLIENTS)) {
  test(`every tool and every error of a tool reaches ${name}`, async () => {
    const token = await auth.jwt(await auth.signUp());
    const { client, revisions } = await connect(kind, api.url, token);
    try {
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), TOOLS);
      assert.match(client.getInstructions(), /no argument for a user/);
      const { task_id: id } = await does(client, 'add_task', {
        title: 'Buy milk', description: 'Two litres', priority: 'high', tags: ['shopping'], due_date: '2026-02-01T10:00',
      });
      assert.equal((await does(client, 'get_task', { task_id: id })).task.due_date, '2026-02-01T10:00');
      assert.equal((await does(client, 'list_tasks', { status: 'pending', sort: '-priority,due_date' })).total, 1);
      assert.equal((await does(client, 'complete_task', { task_id: id })).status, 'completed');
      assert.equal((await does(client, 'update_task', { task_id: id, description: null })).task.description, null);
      assert.equal((await does(client, 'task_summary', { tz: 'Europe/Berlin' })).completed, 1);
      assert.equal((await does(client, 'delete_task', { task_id: id })).status, 'deleted');
      assert.equal((await does(client, 'restore_task', { task_id: id })).task.id, id);
      assert.equal((await api.call(token, `/api/tasks/${id}`)).json.title, 'Buy milk');

      await refused(client, 'add_task', { title: ' ' }, /^title must not be blank$/);
      await refused(client, 'add_task', { title: 't', owner: 'bob' }, /^Unknown arguments: owner$/);
      await refused(client, 'get_task', { task_id: 999999 }, /^Task not found$/);
      await refused(client, 'update_task', { task_id: id, version: 1, title: 't' }, /^The task was changed since that version/);
      await refused(client, 'list_tasks', { limit: 101 }, /^limit must be an integer from 1 to 100$/);
      const other = await connect(kind, api.url, await auth.jwt(await auth.signUp()));
      await refused(other.client, 'get_task', { task_id: id }, /^You do not own this task$/);
      await other.client.close();
      await assert.rejects(client.callTool({ name: 'drop_tasks', arguments: {} }), { code: -32602 });
      assert.ok([...revisions].includes(kind.revision), [...revisions].join());
      assert.equal(new Set([...revisions, '2026-07-28', '2025-11-25']).size, 2, [...revisions].join());
    } finally {
      await client.close();
    }
  });

  test(`a missing and a foreign token are refused, and ${name} reports it`, async () => {
    await assert.rejects(connect(kind, api.url, 'x'), /Unauthorized|401|token/i);
    const missing = await api.call(undefined, '/mcp', { method: 'POST', body: {} });
    assert.match(missing.headers.get('www-authenticate'), /resource_metadata="http:.*\/\.well-known\/oauth-protected-resource\/mcp"/);
  });

  test(`a user signs in with nothing but the 401, and ${name} goes on with a new token`, async () => {
    const user = await auth.signUp();
    const agent = provider();
    const transport = () => new kind.Transport(new URL(resource), { authProvider: agent });
    const first = transport();
    await assert.rejects(kind.make().connect(first), /Unauthorized/);
    const authorization = new URL(agent.kept.authorization);
    assert.equal(authorization.searchParams.get('resource'), resource);
    assert.equal(authorization.searchParams.get('code_challenge_method'), 'S256');
    const back = await consent(auth, user, authorization);
    // The older client takes the code alone.
    await first.finishAuth(kind.Transport === OldTransport ? back.searchParams.get('code') : back.searchParams);

    const client = kind.make();
    await client.connect(transport());
    const { task_id: id } = await does(client, 'add_task', { title: 'by the agent' });
    await client.close();
    const history = await api.call(await auth.jwt(user), `/api/tasks/${id}/history`);
    assert.equal(history.json[0].actor, agent.kept.client.client_id);

    // The older client does not ask for offline_access, so its user signs in again once the token has expired.
    if (kind.Transport === OldTransport) return assert.equal(agent.kept.tokens.refresh_token, undefined);
    // An access token that is not accepted is replaced with the refresh token, without the user.
    const { access_token: old, refresh_token: refresh } = agent.kept.tokens;
    assert.ok(refresh);
    agent.kept.tokens = { ...agent.kept.tokens, access_token: `${old}x` };
    const again = kind.make();
    await again.connect(transport());
    assert.equal((await does(again, 'get_task', { task_id: id })).task.title, 'by the agent');
    await again.close();
    assert.notEqual(agent.kept.tokens.access_token, `${old}x`);
  });
}

/** Signs a user in with these scopes, and returns the tokens. */
async function signIn(scope, user) {
  const agent = provider(scope);
  // The scopes of the 401 are those of all tools, so the agent is sent to the authorization server with its own.
  const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: agent });
  await assert.rejects(new Client(INFO).connect(transport), /Unauthorized/);
  const authorization = new URL(agent.kept.authorization);
  authorization.searchParams.set('scope', scope);
  await transport.finishAuth((await consent(auth, user, authorization)).searchParams);
  return agent.kept.tokens;
}

/** Sends a message of the revision 2025-11-25, and returns the answer. */
const message = (at, token, method, params = {}) => at.call(token, '/mcp', {
  method: 'POST', body: { jsonrpc: '2.0', id: 1, method, params },
  headers: { Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': '2025-11-25' },
});

test('a token that may only read is refused by each writing tool, and the others work', async () => {
  const { access_token: token } = await signIn('tasks:read', await auth.signUp());
  const { json } = await message(api, token, 'tools/list');
  const reading = ['list_tasks', 'get_task', 'task_summary'];
  assert.deepEqual(json.result.tools.map((tool) => tool.name), reading);
  for (const name of TOOLS) {
    const answer = await message(api, token, 'tools/call', { name, arguments: { task_id: 1, title: 't' } });
    assert.equal(answer.status, reading.includes(name) ? 200 : 403, name);
    if (answer.status === 200) continue;
    assert.equal(answer.json.code, 'insufficient_scope');
    assert.match(answer.headers.get('www-authenticate'), /^Bearer error="insufficient_scope", scope="tasks:read tasks:write", resource_metadata="/);
  }
});

test('an access token opens neither the API nor another server, and an ID token opens nothing', async () => {
  const user = await auth.signUp();
  const { access_token: access, id_token: identity } = await signIn('openid tasks:read tasks:write', user);
  assert.equal((await message(api, access, 'tools/list')).status, 200);
  const atApi = await api.call(access);
  assert.deepEqual([atApi.status, atApi.json.code], [401, 'token_invalid']);
  assert.match(atApi.json.detail, /access token for \/mcp/);
  const elsewhere = await message(strict, access, 'tools/list');
  assert.equal(elsewhere.status, 401);
  assert.match(elsewhere.json.detail, /MCP_RESOURCE/);
  assert.ok(identity);
  assert.equal((await message(api, identity, 'tools/list')).status, 401);
  assert.equal((await api.call(identity)).status, 401);
  // The token of the API, where only access tokens are accepted.
  const refusedToken = await message(strict, await auth.jwt(user), 'tools/list');
  assert.equal(refusedToken.status, 401);
  assert.match(refusedToken.json.detail, /MCP_REQUIRE_OAUTH/);
});

test('a script exchanges a key of the api-key plugin for a token, as the documentation describes', async () => {
  const user = await auth.signUp();
  const created = await fetch(`${auth.url}/api/auth/api-key/create`, {
    method: 'POST', headers: { Cookie: user.cookie, Origin: auth.url, 'Content-Type': 'application/json' }, body: '{"name":"script"}',
  });
  const { key } = await created.json();
  const page = readFileSync(join(root, 'docs/mcp.md'), 'utf8');
  const script = page.match(/```sh\n(API_KEY=[^]*?)```/)[1];
  const env = { ...process.env, API_KEY: key, AUTH_URL: auth.url };
  const token = (await promisify(execFile)('bash', ['-c', `${script}\ntoken`], { env })).stdout.trim();
  await api.call(token, '/api/tasks', { method: 'POST', body: { title: 'by the script' } });
  const { json } = await message(api, token, 'tools/call', { name: 'list_tasks', arguments: {} });
  assert.deepEqual(json.result.structuredContent.tasks.map((task) => task.title), ['by the script']);
  assert.equal((await api.call(await auth.jwt(user))).json.length, 1);
});
