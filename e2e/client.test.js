// A typed client, generated from the OpenAPI document.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { root, startApi } from './lib/program.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const tool = (name) => `${here}node_modules/.bin/${name}`;

test('a strict TypeScript program that uses every operation compiles and runs', async () => {
  await run(tool('openapi-typescript'), [`${root}docs/contracts/todo-api.yaml`, '--output', 'client/schema.d.ts'], { cwd: here });
  await run(tool('tsc'), ['--project', 'client'], { cwd: here });
  const api = await startApi();
  try {
    const env = { API_URL: api.url, API_TOKEN: api.developmentToken('alice') };
    const { stdout } = await run(process.execPath, ['client/built/main.js'], { cwd: here, env });
    const document = await (await fetch(`${api.url}/openapi.json`)).json();
    const methods = ['get', 'post', 'put', 'patch', 'delete'];
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      methods.filter((method) => item[method]).map((method) => `${method.toUpperCase()} ${path}`));
    assert.deepEqual(JSON.parse(stdout).sort(), operations.sort());
  } finally {
    await api.stop();
  }
});
