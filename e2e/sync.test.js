// The store of the packed client against the real server, in Node and in the tabs of a real browser.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTasks } from 'task-api-client/sync';
import { startBetterAuth } from './lib/better-auth.js';
import { withPage } from './lib/chromium.js';
import { startRestartableApi } from './lib/program.js';

const SECRET = 'a secret of the tests that is longer than 32 bytes';
const PAGE = 'http://localhost:3000';
const HTML = '<!doctype html><title>Tasks</title><script type="module" src="/page.js"></script>';
const SCRIPT = `
  import { openTasks } from '/client/sync/index.js';
  const { url, userId } = Object.fromEntries(new URLSearchParams(location.search));
  window.store = openTasks({ url, userId, token: () => window.token(userId) });
`;
let api, auth;

before(async () => {
  auth = await startBetterAuth();
  api = await startRestartableApi({ BETTER_AUTH_SECRET: SECRET, BETTER_AUTH_LEEWAY_SECONDS: '0' });
});
after(async () => {
  await api?.end();
  await auth?.stop();
});

let users = 0;
const newUser = () => `user-${(users += 1)}`;
const token = (id) => auth.joseJwt({ id });

async function call(id, method, path, body) {
  const headers = { Authorization: `Bearer ${await token(id)}`, ...(body && { 'Content-Type': 'application/json' }) };
  const answer = await fetch(api.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

async function until(condition, message = String(condition)) {
  for (const end = Date.now() + 120_000; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (Date.now() > end) assert.fail(`still not so: ${message}`);
  }
}

const fields = ({ id, title, description, completed, version }) => ({ id, title, description, completed, version });
const byId = (a, b) => b.id - a.id;
const list = async (user) => (await call(user, 'GET', '/api/tasks')).map(fields).sort(byId);

// Runs a test with a page for each browser. Its files come from here, also while the browser is offline.
const withTabs = (use) => withPage(async (first) => {
  const browser = first.context().browser();
  const requests = [];
  const context = async () => {
    const context = await browser.newContext({ permissions: ['local-network-access'] });
    await context.exposeFunction('token', (id) => token(id));
    await context.route(`${PAGE}/**`, (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: HTML });
      if (pathname === '/page.js') return route.fulfill({ contentType: 'text/javascript', body: SCRIPT });
      const file = fileURLToPath(new URL(`../clients/typescript/dist/${pathname.slice('/client/'.length)}`, import.meta.url));
      return route.fulfill({ contentType: 'text/javascript', body: readFileSync(file) });
    });
    context.on('request', (request) => requests.push(new URL(request.url()).pathname));
    return context;
  };
  const tab = async (context, userId) => {
    const page = await context.newPage();
    await page.goto(`${PAGE}/?${new URLSearchParams({ url: api.url, userId })}`);
    await page.waitForFunction(() => window.store);
    return page;
  };
  await use({ context, tab, requests });
});

const snapshot = (page) => page.evaluate(() => window.store.getSnapshot());
const status = (page, ...expected) => until(async () => expected.includes((await snapshot(page)).status), `the status is ${expected}`);
const titles = async (page) => (await snapshot(page)).tasks.map(({ title }) => title);
// Calls a function of the store in a page.
const act = (page, name, ...args) => page.evaluate(async ([name, args]) => {
  const result = window.store[name](...args);
  await window.store.stored();
  return result;
}, [name, args]);

// Waits until the pages have sent everything and show exactly what the server has.
async function equal(user, ...pages) {
  for (const page of pages) {
    await until(async () => {
      const { tasks, pending } = await snapshot(page);
      return pending.length === 0 && JSON.stringify(tasks.map(fields).sort(byId)) === JSON.stringify(await list(user));
    }, 'the page shows what the server has');
  }
}

test('two tabs have one stream, show each write of each other and of other devices, and one takes over from the other', () => withTabs(async ({ context, tab, requests }) => {
  const user = newUser();
  const browser = await context();
  const first = await tab(browser, user);
  await status(first, 'live');
  const second = await tab(browser, user);
  await status(second, 'live');
  const created = await act(first, 'create', { title: 'Milk' });
  await until(async () => (await titles(second)).includes('Milk'));
  await act(second, 'toggle', created.id);
  await call(user, 'POST', '/api/tasks', { title: 'Of a phone' });
  await equal(user, first, second);
  assert.equal((await list(user)).find(({ title }) => title === 'Milk').completed, true);
  assert.ok(requests.includes('/api/tasks/events'));
  const streams = () => requests.filter((path) => path === '/api/tasks/events').length;
  const before = streams();
  await first.close();
  await until(() => streams() > before);
  await status(second, 'live');
  await call(user, 'POST', '/api/tasks', { title: 'Bread' });
  await act(second, 'update', created.id, { title: 'Oat milk' });
  await equal(user, second);
}));

test('a browser that is offline shows the tasks after a reload, and sends all writes when it is online again', () => withTabs(async ({ context, tab }) => {
  const user = newUser();
  for (const title of ['Edit', 'Complete', 'Delete', 'Undo']) await call(user, 'POST', '/api/tasks', { title });
  const [browser, other] = [await context(), await context()];
  const [page, elsewhere] = [await tab(browser, user), await tab(other, user)];
  for (const one of [page, elsewhere]) await status(one, 'live');
  const ids = Object.fromEntries((await list(user)).map(({ title, id }) => [title, id]));
  await browser.setOffline(true);
  await status(page, 'offline');
  await act(page, 'update', ids.Edit, { title: 'Edited' });
  await act(page, 'toggle', ids.Complete);
  await act(page, 'remove', ids.Delete);
  const undo = (await snapshot(page)).tasks.find(({ id }) => id === ids.Undo);
  await act(page, 'remove', ids.Undo);
  const created = await act(page, 'create', { title: 'Created' });
  await act(page, 'update', created.id, { description: 'offline', completed: true });
  await act(elsewhere, 'update', ids.Edit, { description: 'by another device' });
  await equal(user, elsewhere);
  await page.reload();
  await page.waitForFunction(() => window.store.getSnapshot().isLoaded);
  await status(page, 'offline');
  await act(page, 'restore', undo);
  assert.deepEqual(await titles(page), ['Created', 'Undo', 'Complete', 'Edited']);
  assert.equal((await snapshot(page)).pending.length, 4);
  await browser.setOffline(false);
  await equal(user, page, elsewhere);
  const result = (await list(user)).map(({ title, description, completed }) => [title, description, completed]);
  assert.deepEqual(result, [['Created', 'offline', true], ['Undo', null, false], ['Complete', null, true], ['Edited', 'by another device', false]]);
}));

test('the same field edited in two browsers is a conflict, whose texts survive a reload until it is resolved', () => withTabs(async ({ context, tab }) => {
  const user = newUser();
  const { id } = await call(user, 'POST', '/api/tasks', { title: 'Milk' });
  const [mine, theirs] = [await context(), await context()];
  const [page, elsewhere] = [await tab(mine, user), await tab(theirs, user)];
  for (const one of [page, elsewhere]) await status(one, 'live');
  await mine.setOffline(true);
  await status(page, 'offline');
  await act(page, 'update', id, { title: 'Oat milk', priority: 'high' });
  await act(elsewhere, 'update', id, { title: 'Soy milk' });
  await equal(user, elsewhere);
  await mine.setOffline(false);
  const conflicts = async () => (await snapshot(page)).conflicts;
  await until(async () => (await conflicts()).length === 1);
  await equal(user, page, elsewhere);
  await page.reload();
  await until(async () => (await conflicts()).length === 1);
  const [conflict] = await conflicts();
  assert.deepEqual([conflict.mine.title, conflict.theirs.title, conflict.base.title, conflict.theirs.priority], ['Oat milk', 'Soy milk', 'Milk', 'high']);
  await act(page, 'resolve', conflict, { title: 'Oat milk or soy milk' });
  await equal(user, page, elsewhere);
  assert.deepEqual([await conflicts(), (await list(user))[0].title], [[], 'Oat milk or soy milk']);
}));

test('a task that is deleted in one browser while it is edited in another one can be restored', () => withTabs(async ({ context, tab }) => {
  const user = newUser();
  const { id } = await call(user, 'POST', '/api/tasks', { title: 'Milk', description: 'fresh' });
  const browser = await context();
  const page = await tab(browser, user);
  await status(page, 'live');
  await browser.setOffline(true);
  await status(page, 'offline');
  await act(page, 'update', id, { title: 'Oat milk' });
  await call(user, 'DELETE', `/api/tasks/${id}`);
  await browser.setOffline(false);
  await until(async () => (await snapshot(page)).conflicts.length === 1);
  const [conflict] = (await snapshot(page)).conflicts;
  assert.deepEqual([conflict.kind, conflict.mine], ['deleted', { title: 'Oat milk' }]);
  await act(page, 'resolve', conflict, 'restore');
  await equal(user, page);
  assert.deepEqual((await list(user)).map(({ title, description }) => [title, description]), [['Oat milk', 'fresh']]);
}));

test('nothing is lost and nothing is doubled while the server is killed and restarted', () => withTabs(async ({ context, tab }) => {
  const user = newUser();
  const [browser, other] = [await context(), await context()];
  const pages = [await tab(browser, user), await tab(browser, user), await tab(other, user)];
  for (const page of pages) await status(page, 'live');
  const expected = [];
  for (let round = 0; round < 4; round += 1) {
    const writes = pages.map((page, index) => page.evaluate(async ([round, index]) => {
      for (let count = 0; count < 4; count += 1) {
        const { id } = window.store.create({ title: `${round} ${index} ${count}` });
        window.store.update(id, { description: 'edited' });
        window.store.toggle(id);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await window.store.stored();
    }, [round, index]));
    for (let index = 0; index < 3; index += 1) for (let count = 0; count < 4; count += 1) expected.push(`${round} ${index} ${count}`);
    await api.stop('SIGKILL');
    await Promise.all(writes);
    await api.start();
    for (const page of pages) await act(page, 'refresh');
  }
  await equal(user, ...pages);
  const tasks = await list(user);
  assert.deepEqual(tasks.map(({ title }) => title).sort(), expected.sort());
  assert.ok(tasks.every(({ completed, description }) => completed && description === 'edited'));
  for (const page of pages) assert.deepEqual([(await snapshot(page)).conflicts, (await snapshot(page)).failed], [[], []]);
}));

test('a stream whose token expires goes on with a new token', async () => {
  const user = newUser();
  const { SignJWT } = await import('jose');
  let tokens = 0;
  const short = () => {
    tokens += 1;
    return new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject(user).setIssuedAt().setExpirationTime('2s').sign(new TextEncoder().encode(SECRET));
  };
  const store = openTasks({ url: api.url, userId: user, token: short, platform: {} });
  try {
    await until(() => store.status === 'live');
    const statuses = new Set();
    store.subscribe(() => statuses.add(store.status));
    await until(() => tokens >= 3);
    await until(() => store.status === 'live');
    await call(user, 'POST', '/api/tasks', { title: 'Milk' });
    await until(() => store.getSnapshot().tasks.length === 1);
    assert.deepEqual([...statuses], ['live']);
  } finally {
    await store.close();
  }
});

test('stores in Node converge while they write at the same time and everything is erased in between', async () => {
  const user = newUser();
  const stores = [1, 2, 3].map(() => openTasks({ url: api.url, userId: user, token: () => token(user), platform: {} }));
  const equalNow = async () => {
    for (const store of stores) {
      await until(async () => store.pending.length === 0
        && JSON.stringify(store.getSnapshot().tasks.map(fields).sort(byId)) === JSON.stringify(await list(user)));
      assert.deepEqual([store.conflicts, store.failed], [[], []]);
    }
  };
  try {
    for (const store of stores) await until(() => store.status === 'live');
    for (let round = 0; round < 30; round += 1) {
      const store = stores[round % 3];
      const { tasks } = store.getSnapshot();
      if (round % 5 < 3) store.create({ title: `Task ${round}`, tags: ['a', 'b'] });
      else if (tasks.length > 0) store.toggle(tasks[round % tasks.length].id);
      if (round === 15) {
        await equalNow();
        await call(user, 'DELETE', '/api/me');
        await until(() => stores.every((one) => one.getSnapshot().tasks.length === 0));
      }
    }
    await equalNow();
    assert.ok((await list(user)).length >= 8);
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
});

test('a write of each kind whose answer is lost is replayed, and not done twice', async () => {
  const user = newUser();
  const writes = [];
  const lost = new Set();
  const lossy = async (address, init) => {
    const answer = await fetch(address, init);
    const key = init.headers['Idempotency-Key'];
    if (!key) return answer;
    writes.push([init.method, answer.status, answer.headers.get('Idempotency-Replayed')]);
    if (lost.has(key)) return answer;
    lost.add(key);
    throw new TypeError('The answer is lost');
  };
  const store = openTasks({ url: api.url, userId: user, token: () => token(user), fetch: lossy, platform: {} });
  const sent = () => until(() => (store.refresh(), store.pending.length === 0));
  try {
    await until(() => store.getSnapshot().isLoaded);
    const { id } = store.create({ title: 'Milk' });
    await sent();
    store.toggle(id);
    await sent();
    const [task] = store.getSnapshot().tasks;
    store.remove(id);
    await sent();
    store.restore(task);
    await sent();
    const twice = (method, status) => [[method, status, null], [method, status, 'true']];
    assert.deepEqual(writes, [...twice('POST', 201), ...twice('PATCH', 200), ...twice('DELETE', 204), ...twice('POST', 200)]);
    assert.deepEqual((await call(user, 'GET', '/api/tasks')).map((one) => [one.id, one.title, one.completed]), [[task.id, 'Milk', true]]);
  } finally {
    await store.close();
  }
});

test('sign-out deletes the copy of the user from the browser, in all tabs', () => withTabs(async ({ context, tab }) => {
  const user = newUser();
  const browser = await context();
  const pages = [await tab(browser, user), await tab(browser, user)];
  for (const page of pages) await status(page, 'live');
  await act(pages[0], 'create', { title: 'Milk' });
  const databases = () => pages[0].evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  const [name] = await databases();
  assert.match(name, /^task-api-[0-9a-f]{32}$/);
  await pages[1].evaluate(() => window.store.forget());
  await status(pages[0], 'closed');
  await until(async () => (await databases()).length === 0 && (await titles(pages[0])).length === 0, 'the copy is deleted');
}));
