// docs/examples, the page of the quickstart, in a real browser on http://localhost:3000: Better Auth's own client, CORS, tasks.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { withPage } from './lib/chromium.js';
import { root, start, startApi } from './lib/program.js';

const PAGE = 'http://localhost:3000';
let api, example;

before(async () => {
  api = await startApi({ BETTER_AUTH_URL: PAGE });
  const env = { ...process.env, API_URL: api.url, BETTER_AUTH_URL: PAGE };
  example = await start(process.execPath, ['server.js'], { cwd: `${root}docs/examples`, env }, /^Open /);
});
after(async () => {
  await example?.stop();
  await api?.stop();
});

async function signUp(page, email) {
  await page.goto(PAGE);
  await page.fill('#email', email);
  await page.fill('#password', 'a good password');
  await page.click('#sign-up');
  await page.waitForSelector('body.in');
}

const titles = (page) => page.locator('li input[aria-label=Title]').evaluateAll((inputs) => inputs.map((input) => input.value));
const settled = (page, text) => page.locator('#left', { hasText: text }).waitFor();

test('a user signs up, adds, edits, completes and deletes tasks, signs out and in, and finds them', () => withPage(async (page) => {
  await signUp(page, 'alice@example.com');
  for (const [index, title] of ['Buy milk', 'Call Bob'].entries()) {
    await page.fill('#new', title);
    await page.click('#add button');
    await settled(page, `${index + 1} to do`);
  }
  assert.deepEqual(await titles(page), ['Call Bob', 'Buy milk']);

  await page.locator('li').nth(1).getByLabel('Title').fill('Buy oat milk');
  await page.keyboard.press('Tab');
  await page.locator('li').nth(0).getByLabel('Done').check();
  await settled(page, '1 to do');
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  await page.locator('li').nth(0).getByLabel('Delete').click();
  await page.locator('li').nth(1).waitFor({ state: 'detached' });

  await page.click('#sign-out');
  await page.waitForSelector('body.out');
  await page.fill('#email', 'alice@example.com');
  await page.fill('#password', 'a good password');
  await page.click('#sign-in button:not(.quiet)');
  await settled(page, '1 to do');
  assert.deepEqual(await titles(page), ['Buy oat milk']);
}));

test('a user filters and sorts tasks, sees overdue ones in their own time zone, completes all and deletes the completed ones', () => withPage(async (page) => {
  await signUp(page, 'carol@example.com');
  // In this time zone days end before they do in UTC.
  const yesterday = await page.evaluate(() => {
    const day = new Date();
    day.setDate(day.getDate() - 1);
    return day.toLocaleDateString('sv');
  });
  const add = async (title, priority, due, tags) => {
    await page.fill('#new', title);
    await page.getByLabel('Priority').selectOption(priority);
    await page.getByLabel('Due date').fill(due);
    await page.getByLabel('Tags').fill(tags);
    await page.click('#add button');
  };
  await add('Crème brûlée', 'high', yesterday, 'Dessert, for Bob');
  await settled(page, '1 to do, 1 overdue');
  await add('Bread', 'low', '2099-01-31', '');
  await settled(page, '2 to do, 1 overdue');
  await add('Apples', 'none', '', 'fruit');
  await settled(page, '3 to do, 1 overdue');

  const marks = (n) => page.locator('li').nth(n).locator('small span').allInnerTexts();
  assert.deepEqual(await marks(0), ['fruit']);
  assert.match((await marks(1)).join(), /^Low priority,Due .*2099/);
  assert.match((await marks(2)).join('; '), /^High priority; Overdue: .*; Dessert; for Bob$/);

  const shows = (...expected) => page.waitForFunction((expected) =>
    [...document.querySelectorAll('li [aria-label=Title]')].map((input) => input.value).join() === expected, expected.join());
  await page.getByLabel('Order').selectOption('Due first');
  await shows('Crème brûlée', 'Bread', 'Apples');
  await page.getByLabel('Order').selectOption('A to Z');
  await shows('Apples', 'Bread', 'Crème brûlée');
  await page.getByLabel('Search').pressSequentially('CREME');
  await shows('Crème brûlée');
  await page.locator('li').getByLabel('Done').check();
  await settled(page, '2 to do');
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'Done', 'the focus stays');
  await page.getByLabel('Search').fill('');
  await page.getByRole('radio', { name: 'To do' }).check();
  await shows('Apples', 'Bread');

  await page.click('#complete-all');
  await shows();
  await page.getByRole('radio', { name: 'Done 3' }).check();
  await shows('Apples', 'Bread', 'Crème brûlée');
  await page.click('#clear');
  await shows();
  assert.equal(await page.locator('#all').innerText(), '0');
}, { timezoneId: 'Pacific/Kiritimati' }));

test('an error answer is readable by the page and shown to the user', () => withPage(async (page) => {
  await signUp(page, 'bob@example.com');
  await page.fill('#new', '   ');
  await page.click('#add button');
  await page.locator('#problem', { hasText: 'title must not be blank' }).waitFor();
  const read = await page.evaluate(async (url) => {
    const answer = await fetch(`${url}/api/tasks`);
    return { status: answer.status, challenge: answer.headers.get('www-authenticate'), ...(await answer.json()) };
  }, api.url);
  assert.equal(read.status, 401);
  assert.match(read.challenge, /^Bearer/);
  assert.equal(read.code, 'token_missing');
}));

test('a page on another origin is refused by the browser', () => withPage(async (page) => {
  const other = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>other</title>'));
  other.listen(0);
  await once(other, 'listening');
  try {
    await page.goto(`http://localhost:${other.address().port}`);
    const attempt = (init) => page.evaluate(async ([url, init]) => {
      try {
        return (await fetch(`${url}/api/tasks`, init)).status;
      } catch (error) {
        return error.name;
      }
    }, [api.url, init]);
    assert.equal(await attempt({}), 'TypeError');
    assert.equal(await attempt({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }), 'TypeError');
  } finally {
    other.close();
  }
}));
