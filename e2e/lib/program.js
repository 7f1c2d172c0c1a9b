// Programs under test, as processes.
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = process.env.API_BIN ?? join(root, 'target/debug/api');

// Starts a program and waits for the first line of its output that matches `ready`.
export async function start(command, args, options, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let log = '';
  child.stderr.on('data', (data) => (log += data));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async (signal) => {
    child.kill(signal);
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(ready);
    if (found) {
      child.stdout.resume();
      return { found, stop, log: () => log };
    }
  }
  throw new Error(`${command} did not start: ${log}`);
}

// Starts a task server with its own database. It can be stopped and started again, on the same port and with the same database.
export async function startRestartableApi(variables = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'task-api-'));
  const env = { ...variables };
  let port = '0';
  let running;
  const api = {
    url: '',
    async start() {
      running = await start(bin, [], { cwd: folder, env: { PORT: port, ...env } }, /^Listening on (.*)/);
      [, api.url] = running.found;
      ({ port } = new URL(api.url));
    },
    async stop(signal) {
      await running?.stop(signal);
      running = undefined;
    },
    developmentToken: (user) => execFileSync(bin, ['token', user], { cwd: folder, env, encoding: 'utf8' }).trim(),
    async end() {
      await api.stop();
      rmSync(folder, { recursive: true });
    },
  };
  await api.start();
  return api;
}

// Returns a port that nothing listens on, for a server whose address must be known before it starts.
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

// Starts a task server with its own database.
export async function startApi(variables = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'task-api-'));
  const env = { PORT: '0', ...variables };
  const { found, stop, log } = await start(bin, [], { cwd: folder, env }, /^Listening on (.*)/);
  const url = found[1];
  return {
    url,
    folder,
    log,
    // Sends a request with this token. Returns the answer, with its body as JSON.
    async call(token, path = '/api/tasks', { method = 'GET', body, headers } = {}) {
      const answer = await fetch(url + path, {
        method,
        body: body && JSON.stringify(body),
        headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }), ...headers },
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, json: text ? JSON.parse(text) : null };
    },
    developmentToken: (user) => execFileSync(bin, ['token', user], { cwd: folder, env, encoding: 'utf8' }).trim(),
    async stop() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}
