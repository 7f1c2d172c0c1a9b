// A real Better Auth server, whose key address can simulate failures.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { bearer, jwt } from 'better-auth/plugins';
import { apiKey } from '@better-auth/api-key';
import { mcp } from '@better-auth/mcp';
import { SignJWT } from 'jose';

export const SECRET = 'a secret of the tests that is longer than 32 bytes';

// The tables of the plugins for agents and scripts.
const AGENT_TABLES = [
  'apikey', 'oauthClient', 'oauthResource', 'oauthClientResource', 'oauthRefreshToken', 'oauthAccessToken', 'oauthConsent',
  'oauthClientAssertion',
];

// With `resource`, the address of a task server's /mcp, it is the authorization server of agents, which any client may register with.
export async function startBetterAuth({ keyPairConfig, serialIds = false, resource } = {}) {
  let tables, handler, misbehave;
  let keyRequests = 0;
  const server = createServer((request, response) => {
    if (request.url === '/api/auth/jwks') {
      keyRequests += 1;
      if (misbehave) return misbehave(response);
    }
    return handler(request, response);
  });
  server.listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  const url = `http://localhost:${port}`;
  const reset = () => {
    tables = { user: [], session: [], account: [], verification: [], jwks: [] };
    const agents = resource && mcp({
      loginPage: '/login', consentPage: '/consent', resource, scopes: ['openid', 'offline_access', 'tasks:read', 'tasks:write'],
      allowDynamicClientRegistration: true, allowUnauthenticatedClientRegistration: true,
    });
    for (const table of agents ? AGENT_TABLES : []) tables[table] = [];
    handler = toNodeHandler(betterAuth({
      baseURL: url,
      secret: SECRET,
      database: memoryAdapter(tables),
      emailAndPassword: { enabled: true },
      advanced: serialIds ? { database: { generateId: 'serial' } } : {},
      plugins: [jwt(keyPairConfig ? { jwks: { keyPairConfig } } : {}), bearer(), ...(agents ? [agents, apiKey({ enableSessionForAPIKeys: true })] : [])],
    }));
  };
  reset();

  let users = 0;
  return {
    url,
    // The rows of its keys, which tests may change.
    keys: () => tables.jwks,
    // Deletes everything: users, sessions and keys.
    reset,
    keyRequests: () => keyRequests,
    // Replaces the answer of the key address with a function of the HTTP response; without one, the real answer returns.
    misbehave: (how) => (misbehave = how),
    // Signs up a new user. Returns the id, the cookie and the opaque session token.
    async signUp() {
      users += 1;
      const answer = await fetch(`${url}/api/auth/sign-up/email`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: url },
        body: JSON.stringify({ email: `user${users}@example.com`, password: 'a good password', name: `User ${users}` }),
      });
      if (!answer.ok) throw new Error(await answer.text());
      const cookie = answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
      return { id: (await answer.json()).user.id, cookie, sessionToken: answer.headers.get('set-auth-token') };
    },
    // Returns the user's JWT from the jwt plugin.
    async jwt(user) {
      const answer = await fetch(`${url}/api/auth/token`, { headers: { Cookie: user.cookie } });
      return (await answer.json()).token;
    },
    // Returns the user's JWT as a route of the Next.js app makes it with jose (docs/quickstart.md).
    joseJwt: (user, secret = SECRET) =>
      new SignJWT({}).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setSubject(user.id).setIssuedAt().setExpirationTime('15m')
        .sign(new TextEncoder().encode(secret)),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    // Starts again on the same port.
    async startAgain() {
      server.listen(port);
      await once(server, 'listening');
    },
  };
}
