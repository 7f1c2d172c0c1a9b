// The packed client of clients/typescript against the real server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { querySerializer } from 'task-api-client';
import { startApi } from './lib/program.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const tool = (name) => `${here}node_modules/.bin/${name}`;

test('a strict TypeScript program that uses every operation compiles and runs', async () => {
  await run(tool('tsc'), ['--project', 'client'], { cwd: here }).catch(({ stdout }) => assert.fail(stdout));
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

test('the client writes every array of a query as the OpenAPI document states', async () => {
  const api = await startApi();
  try {
    const { paths } = await (await fetch(`${api.url}/openapi.json`)).json();
    const parameters = Object.values(paths).flatMap((item) => Object.values(item)).flatMap((operation) => operation.parameters ?? []);
    const arrays = parameters.filter((parameter) => parameter.in === 'query' && parameter.schema.type === 'array');
    assert.ok(arrays.length >= 3);
    for (const { name, explode } of arrays) {
      const expected = explode === false ? `${name}=a%2Cb` : `${name}=a&${name}=b`; // "explode" is true if it is not there
      assert.equal(querySerializer({ [name]: ['a', 'b'] }), expected);
    }
  } finally {
    await api.stop();
  }
});
