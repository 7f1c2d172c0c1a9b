// The Next.js app of docs/examples/nextjs: its production build beside a task server, and what its users do.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withPage } from './chromium.js';
import { root, start, startRestartableApi } from './program.js';

const folder = join(root, 'docs/examples/nextjs');
// Long enough for a busy machine. Nothing waits that long if all goes well.
const TIMEOUT = 120_000;
const artefacts = join(root, 'e2e/artefacts');

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts the built app and a task server. `secret` makes both use HS256 tokens with it, in place of Better Auth's keys.
 * `variables` are further settings of the app.
 */
export async function startNextApp({ secret, variables } = {}) {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const api = await startRestartableApi({
    CORS_ALLOWED_ORIGINS: url, ...(secret ? { BETTER_AUTH_SECRET: secret } : { BETTER_AUTH_URL: url }),
  });
  const data = mkdtempSync(join(tmpdir(), 'next-app-'));
  const env = {
    ...process.env, NEXT_TELEMETRY_DISABLED: '1', BETTER_AUTH_URL: url, API_URL: api.url, DATA_FOLDER: data,
    ...(secret && { TOKEN_KIND: 'hs256', BETTER_AUTH_SECRET: secret }), ...variables,
  };
  const program = await start(process.execPath, ['node_modules/next/dist/bin/next', 'start', '-p', String(port)], { cwd: folder, env }, /Ready/);
  return {
    url,
    api,
    async stop() {
      await program.stop();
      await api.end();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

// Better Auth allows three sign-ins in ten seconds from one address. Each window gets an address of its own, as behind a proxy.
let windows = 0;
function withAddress(context) {
  windows += 1;
  const address = `10.0.${Math.floor(windows / 250)}.${(windows % 250) + 1}`;
  return context.route('**/api/auth/sign-*/**', (route) => route.continue({ headers: { ...route.request().headers(), 'x-forwarded-for': address } }));
}

/** Opens one page, or further windows with storage of their own that have the same session. */
export function withWindows(use, options = {}) {
  return withPage(async (page) => {
    const browser = page.context().browser();
    page.setDefaultTimeout(TIMEOUT);
    await withAddress(page.context());
    const another = async () => {
      const { cookies } = await page.context().storageState();
      const context = await browser.newContext({ ...options, storageState: { cookies, origins: [] } });
      context.setDefaultTimeout(TIMEOUT);
      await withAddress(context);
      return context.newPage();
    };
    await use(page, another);
  }, options);
}

/** Fills the form for the sign-in or the sign-up, and sends it. */
export async function signIn(page, email, password = 'a good password', button = 'Sign in') {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.locator('form').getByRole('button', { name: button, exact: true }).click();
}

export async function signUp(page, app, email) {
  await page.goto(app.url);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await signIn(page, email, 'a good password', 'Create account');
  await connected(page);
}

export async function signOut(page) {
  await page.getByRole('button', { name: /^Account/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}

export const status = (page, ...names) => page.locator(names.map((name) => `.status[data-status="${name}"]`).join()).waitFor();
export const connected = (page) => status(page, 'live', 'online');

/** Waits until the server has all changes of this window. */
export async function settled(page) {
  await connected(page);
  await page.locator('.status .pending').waitFor({ state: 'detached' });
  await page.locator('.sync').waitFor({ state: 'detached' });
}

export async function add(page, title, { description, priority, day, time, tags } = {}) {
  const form = page.getByRole('form', { name: 'New task' });
  if (description || priority || day || tags) {
    const details = form.getByRole('button', { name: 'Details' });
    if (await details.getAttribute('aria-expanded') === 'false') await details.click();
    if (description) await form.getByLabel('Description').fill(description);
    if (priority) await form.getByLabel('Priority').selectOption(priority);
    if (day) await form.getByLabel('Due date').fill(day);
    if (time) await form.getByLabel('Time').fill(time);
    if (tags) await form.getByLabel('Tags').fill(tags);
  }
  await form.getByLabel('New task').fill(title);
  await form.getByRole('button', { name: 'Add' }).click();
  await row(page, title).waitFor();
}

export const row = (page, title) => page.getByRole('list', { name: 'Tasks' }).getByRole('listitem').filter({ has: page.getByText(title, { exact: true }) });

/** Edits fields of a task in its row. */
export async function edit(page, title, fields) {
  await page.getByLabel(`Edit: ${title}`, { exact: true }).click();
  const form = page.getByRole('form', { name: `Edit: ${title}` });
  for (const [label, value] of Object.entries(fields)) {
    const field = form.getByLabel(label);
    if (label === 'Priority') await field.selectOption(value);
    else await field.fill(value);
  }
  await form.getByRole('button', { name: 'Save' }).click();
  await form.waitFor({ state: 'detached' });
}

/** Waits until the window shows exactly these tasks, in this order. */
export async function shows(page, ...titles) {
  const expected = JSON.stringify(titles);
  await page.waitForFunction((expected) =>
    JSON.stringify([...document.querySelectorAll('.tasks .task-title')].map((title) => title.textContent)) === expected, expected)
    .catch(async () => assert.equal(JSON.stringify(await page.locator('.tasks .task-title').allInnerTexts()), expected));
}

/** Returns the tasks of the server, for the user of the window. */
export const serverTasks = (page, app) => page.evaluate(async (url) => {
  const token = await fetch('/api/auth/token').then((answer) => answer.json());
  return (await fetch(`${url}/api/tasks`, { headers: { Authorization: `Bearer ${token.token}` } })).json();
}, app.api.url);

export async function screenshot(page, name) {
  mkdirSync(artefacts, { recursive: true });
  await page.evaluate(() => {
    const editor = document.querySelector('.tasks .editor');
    if (editor) editor.scrollIntoView({ block: 'center' });
    else scrollTo(0, 0);
  });
  await page.screenshot({ path: join(artefacts, `${name}.png`), animations: 'disabled' });
}

/** Asserts that axe finds nothing on the page as it is, and that it does not scroll sideways. */
export async function assertNoFaults(page, place) {
  if (!await page.evaluate(() => 'axe' in window)) await page.addScriptTag({ path: fileURLToPath(import.meta.resolve('axe-core')) });
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
  const { violations } = await page.evaluate(() => axe.run());
  const faults = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
  assert.deepEqual(faults, [], place);
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.equal(wide, width, `${place}: no scrolling sideways`);
}
