// The code blocks of README.md and docs: commands run, TypeScript compiles, and the code of the quickstart works.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { simulateReadableStream } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { SECRET } from './lib/better-auth.js';
import { codeBlocks, writeProject } from './lib/blocks.js';
import { runShellBlocks } from './lib/commands.js';
import { root, startApi } from './lib/program.js';

const run = promisify(execFile);
const project = join(root, 'e2e/docs-project');
const tool = (name) => join(root, 'e2e/node_modules/.bin', name);
const blocks = codeBlocks();
const inLanguage = (...languages) => blocks.filter(({ language }) => languages.includes(language));
const place = ({ page, line }) => `${page}:${line}`;
const files = writeProject(project, inLanguage('ts', 'tsx'));

const schema = join(project, 'lib/schema.d.ts');
before(() => run(tool('openapi-typescript'), [join(root, 'docs/contracts/todo-api.yaml'), '-o', schema]));

// Compiles the project once. Fails with the messages of the compiler.
let compilation;
const compile = () => compilation ??= (async () => {
  const compilerOptions = {
    strict: true, noUncheckedIndexedAccess: true, skipLibCheck: true, target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'],
    module: 'esnext', moduleResolution: 'bundler', jsx: 'react-jsx', types: ['node'], outDir: 'built', paths: { '@/*': ['./*'] },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*'], exclude: ['built'] }));
  await run(tool('tsc'), ['--project', project]).catch(({ stdout }) => assert.fail(stdout));
})();

// Languages without a test, and the reason.
const EXEMPT = {
  sql: 'api/tests/it/versions.rs runs it on both databases',
  mermaid: 'a picture; a mistake is visible on the page',
  text: 'what a program prints',
};
const TESTED = ['ts', 'tsx', 'sh', 'json', 'dotenv', 'haproxy'];

test('every block has a language that is tested, or a reason why not', () => {
  const others = blocks.filter(({ language }) => !TESTED.includes(language) && !EXEMPT[language]);
  assert.deepEqual(others.map((block) => `${place(block)}: ${block.language || 'no language'}`), []);
});

test('the commands of a page succeed one after the other against a new server', async () => {
  rmSync(schema); // a command of the quickstart writes it
  for (const page of new Set(inLanguage('sh').map(({ page }) => page))) {
    const api = await startApi();
    try {
      runShellBlocks(inLanguage('sh').filter((block) => block.page === page), api, project);
      if (page !== 'docs/quickstart.md') continue;
      const { json } = await api.call(api.developmentToken('alice'));
      assert.deepEqual(json.map(({ title, completed }) => [title, completed]), [['Buy milk', true]]);
      assert.match(readFileSync(schema, 'utf8'), /"\/api\/tasks\/summary"/);
    } finally {
      await api.stop();
    }
  }
});

test('JSON can be parsed, settings are those of .env.example, and HAProxy takes its configuration', () => {
  for (const block of inLanguage('json')) assert.doesNotThrow(() => JSON.parse(block.text), place(block));
  const example = readFileSync(join(root, '.env.example'), 'utf8');
  for (const block of inLanguage('dotenv')) {
    for (const line of block.text.trim().split('\n').filter((line) => line && !line.startsWith('#'))) {
      const name = line.match(/^([A-Z_]+)=\S+$/)?.[1];
      assert.ok(name && new RegExp(`^#? ?${name}=`, 'm').test(example), `${place(block)}: ${line}`);
    }
  }
  for (const block of inLanguage('haproxy')) {
    const folder = mkdtempSync(join(tmpdir(), 'haproxy-'));
    const defaults = 'defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n';
    const missing = `${defaults}frontend page\n  bind 127.0.0.1:8080\n  default_backend api\n`;
    writeFileSync(join(folder, 'configuration'), missing + block.text);
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    assert.doesNotThrow(() => execFileSync('haproxy', ['-c', '-f', join(folder, 'configuration')], { env, stdio: 'pipe' }), place(block));
    rmSync(folder, { recursive: true });
  }
});

test('TypeScript compiles strictly as one project with the real libraries', async () => {
  await compile();
  assert.ok(files.includes('app/api/auth/[...all]/route.ts') && files.includes('lib/token-2.ts'));
});

test('the chat of the documentation works on the tasks of its user, and its model corrects a mistake', async () => {
  await compile();
  const { chat } = await import(pathToFileURL(join(project, 'built/lib/chat.js')));
  const call = (id, input) => [{ type: 'tool-call', toolCallId: id, toolName: 'add_task', input: JSON.stringify(input) }];
  const text = [{ type: 'text-start', id: 't' }, { type: 'text-delta', id: 't', delta: 'It is on your list.' }, { type: 'text-end', id: 't' }];
  const steps = [call('1', { title: ' ' }), call('2', { title: 'Buy milk' }), text];
  const asked = [];
  const model = new MockLanguageModelV3({
    doStream: async (options) => {
      const parts = steps[asked.push(options) - 1];
      const reason = parts === text ? 'stop' : 'tool-calls';
      const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
      const end = { type: 'finish', finishReason: { unified: reason, raw: reason }, usage };
      return { stream: simulateReadableStream({ chunks: [{ type: 'stream-start', warnings: [] }, ...parts, end] }) };
    },
  });
  const api = await startApi();
  try {
    const token = api.developmentToken('alice');
    const messages = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Put milk on my list' }] }];
    const answer = await (await chat(messages, model, `${api.url}/mcp`, token)).text();
    assert.match(answer, /It is on your list\./);
    assert.equal(asked[0].tools.length, 8);
    assert.match(JSON.stringify(asked[1].prompt.at(-1)), /title must not be blank/);
    assert.match(JSON.stringify(asked[2].prompt.at(-1)), /Buy milk/);
    assert.deepEqual((await api.call(token)).json.map(({ title }) => title), ['Buy milk']);
    await assert.rejects(chat(messages, model, `${api.url}/mcp`, 'x'), /401|Unauthorized|token/i);
  } finally {
    await api.stop();
  }
});

test('with the shared secret of the quickstart a user signs up and uses the functions of its blocks', async () => {
  await compile();
  const page = 'http://localhost:3000';
  const api = await startApi({ BETTER_AUTH_SECRET: SECRET });
  const realFetch = globalThis.fetch;
  try {
    Object.assign(process.env, { BETTER_AUTH_SECRET: SECRET, BETTER_AUTH_URL: page, NEXT_PUBLIC_API_URL: api.url });
    const built = `${pathToFileURL(join(project, 'built'))}/`;
    // The block leaves out what each app has of its own.
    const auth = join(project, 'built/lib/auth.js');
    const tables = '{ user: [], session: [], account: [], verification: [], jwks: [] }';
    const own = `database: memoryAdapter(${tables}), emailAndPassword: { enabled: true },`;
    const source = readFileSync(auth, 'utf8');
    assert.match(source, /\/\/ …your database and sign-in methods/);
    writeFileSync(auth, `import { memoryAdapter } from 'better-auth/adapters/memory';\n${source.replace(/\/\/ …your database.*/, own)}`);
    register('./lib/docs-loader.js', import.meta.url, { data: { project: built, replace: { 'lib/token': 'lib/token-2' } } });

    const routes = await import(`${built}app/api/auth/[...all]/route.js`);
    const { GET: tokenRoute } = await import(`${built}app/api/token/route.js`);
    // The page calls its own routes and the server.
    globalThis.fetch = (address, init) => (address === '/api/token' ? tokenRoute() : realFetch(address, init));
    globalThis.requestHeaders = new Headers();
    const { addTask, api: call, pendingTasks } = await import(`${built}lib/tasks.js`);
    await assert.rejects(pendingTasks(), /Please sign in/);

    const body = JSON.stringify({ email: 'alice@example.com', password: 'a good password', name: 'Alice' });
    const headers = { 'Content-Type': 'application/json', Origin: page };
    const signedUp = await routes.POST(new Request(`${page}/api/auth/sign-up/email`, { method: 'POST', headers, body }));
    assert.equal(signedUp.status, 200);
    globalThis.requestHeaders = new Headers({ Cookie: signedUp.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ') });

    const titles = (tasks) => tasks.map(({ title }) => title);
    const task = await addTask('Buy milk');
    assert.deepEqual(titles(await pendingTasks()), ['Buy milk']);
    await assert.rejects(addTask(' '), /title must not be blank/);
    const patch = { priority: 'high', tags: ['Shopping'], title: 'Crème brûlée', due_date: '2020-01-31' };
    await call(`/api/tasks/${task.id}`, { method: 'PATCH', body: JSON.stringify(patch) });
    const { urgentTasks } = await import(`${built}lib/urgent.js`);
    assert.deepEqual(titles(await urgentTasks()), ['Crème brûlée']);
    await addTask('Call Bob');
    const { badge } = await import(`${built}lib/badge.js`);
    assert.equal(await badge(), '2 to do, 1 overdue');
    const { pages } = await import(`${built}lib/pages.js`);
    const all = [];
    for await (const tasks of pages('/api/tasks?limit=1')) all.push(titles(tasks));
    assert.deepEqual(all, [['Call Bob'], ['Crème brûlée']]);
    const { completeAllTasks, deleteCompletedTasks } = await import(`${built}lib/bulk.js`);
    assert.deepEqual([await completeAllTasks(), await deleteCompletedTasks()], [{ count: 2 }, { count: 2 }]);
    await addTask('Buy bread');
    const [{ id }] = await pendingTasks();
    assert.equal(await call(`/api/tasks/${id}`, { method: 'DELETE' }), undefined);
  } finally {
    globalThis.fetch = realFetch;
    await api.stop();
  }
});
