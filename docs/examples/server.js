// Takes the place of your Next.js app in this example: Better Auth under /api/auth, and the page.
// Run `npm install && npm start` while the task server runs; see docs/quickstart.md.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';
import { build } from 'esbuild';

const url = process.env.BETTER_AUTH_URL ?? 'http://localhost:3000';
const api = process.env.API_URL ?? 'http://127.0.0.1:8000';

const auth = betterAuth({
  baseURL: url,
  // Only for this example: users and sessions are lost when it stops.
  secret: process.env.BETTER_AUTH_SECRET ?? crypto.randomUUID(),
  database: memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] }),
  emailAndPassword: { enabled: true },
  plugins: [jwt()], // GET /api/auth/token: a JWT for the task server; GET /api/auth/jwks: the keys to check it with
});

const here = fileURLToPath(new URL('.', import.meta.url));
const { outputFiles: [script] } = await build({
  entryPoints: [here + 'app.js'],
  bundle: true,
  format: 'esm',
  write: false,
  define: { API: JSON.stringify(api) },
  // The client comes from its source here. An app of your own installs the packed package; see the README of the client.
  alias: { 'task-api-client': fileURLToPath(new URL('../../clients/typescript/src/index.ts', import.meta.url)) },
  nodePaths: [here + 'node_modules'], // has openapi-fetch, which the client imports
});
const files = {
  '/': ['text/html; charset=utf-8', await readFile(here + 'index.html')],
  '/app.js': ['text/javascript; charset=utf-8', script.contents],
};

const better = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url.startsWith('/api/auth/')) return better(request, response);
  const [type, body] = files[request.url] ?? ['text/plain', 'Not found'];
  response.writeHead(body === 'Not found' ? 404 : 200, { 'Content-Type': type }).end(body);
}).listen(new URL(url).port || 80, () => console.log(`Open ${url}`));
