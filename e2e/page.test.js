// docs/examples, the page of the quickstart, in a real browser on http://localhost:3000: Better Auth's own client, CORS, tasks.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
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

async function fillSignIn(page, email, password = 'a good password') {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
}

async function signUp(page, email) {
  await page.goto(PAGE);
  await fillSignIn(page, email);
  await page.getByRole('button', { name: 'Create an account' }).click();
  await page.waitForSelector('body.in');
}

async function add(page, title, { priority = 'none', due = '', tags = '' } = {}) {
  const form = page.locator('#add');
  await form.getByLabel('New task').fill(title);
  await form.getByLabel('Priority').selectOption(priority);
  await form.getByLabel('Due').fill(due);
  await form.getByLabel('Tags').fill(tags);
  await form.getByRole('button', { name: 'Add' }).click();
  await page.locator('li span', { hasText: title }).waitFor();
}

const settled = (page, text) => page.locator('#left', { hasText: text }).waitFor();
const shows = (page, ...titles) => page.waitForFunction((expected) =>
  [...document.querySelectorAll('li label span')].map((title) => title.textContent).join() === expected, titles.join());
const marks = (page, n) => page.locator('li').nth(n).locator('small span').allInnerTexts();

test('a user signs up, adds, completes and deletes tasks, signs out and in, and finds them', () => withPage(async (page) => {
  await signUp(page, 'alice@example.com');
  await page.getByText('No tasks yet.').waitFor();
  for (const title of ['Buy milk', 'Call Bob']) await add(page, title);
  await shows(page, 'Call Bob', 'Buy milk');

  await page.getByLabel('Call Bob').first().check();
  await settled(page, '1 to do');
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  await page.getByLabel('Delete: Call Bob').click();
  await shows(page, 'Buy milk');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForSelector('body.out');
  await fillSignIn(page, 'alice@example.com');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await settled(page, '1 to do');
  await shows(page, 'Buy milk');
}));

test('a user edits every field of a task, and only the changed fields are sent', () => withPage(async (page) => {
  await signUp(page, 'dora@example.com');
  await add(page, 'Bread', { priority: 'low', due: '2099-01-31', tags: 'food' });
  const sent = [];
  page.on('request', (request) => request.method() === 'PATCH' && sent.push(request.postDataJSON()));
  const dialog = page.getByRole('dialog', { name: 'Edit task' });
  const save = async () => {
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
  };

  await page.getByLabel('Edit: Bread').click();
  await dialog.getByLabel('Title').fill('Rye bread');
  await dialog.getByLabel('Description').fill('From the market\nNot sliced');
  await dialog.getByLabel('Priority').selectOption('High');
  await dialog.getByLabel('Due date').fill('2099-02-28');
  await dialog.getByLabel('Tags').fill('food, market');
  await save();
  await shows(page, 'Rye bread');
  const edited = await marks(page, 0);
  assert.deepEqual(edited.toSpliced(2, 1), ['From the market\nNot sliced', 'High priority', 'food', 'market']);
  assert.match(edited[2], /^Due .*28.*2099/);

  await page.getByLabel('Edit: Rye bread').click();
  await dialog.getByLabel('Title').fill('   ');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('title must not be blank').waitFor();
  await dialog.getByLabel('Title').fill('Rye bread');
  await dialog.getByLabel('Due date').fill('');
  await dialog.getByLabel('Tags').fill('');
  await save();
  await page.waitForFunction(() => !document.querySelector('li .tag'));
  assert.deepEqual(await marks(page, 0), ['From the market\nNot sliced', 'High priority']);
  assert.deepEqual(sent.at(-1), { due_date: '', tags: [] });
}));

test('an edit does not overwrite another one, and the user can go on with the current task', () => withPage(async (page) => {
  await signUp(page, 'heidi@example.com');
  await add(page, 'Bread');
  const dialog = page.getByRole('dialog', { name: 'Edit task' });
  const save = dialog.getByRole('button', { name: 'Save' });
  const offer = dialog.getByRole('button', { name: 'Show the current task' });
  await page.getByLabel('Edit: Bread').click();
  await offer.waitFor({ state: 'hidden' });
  const elsewhere = await page.context().browser().newContext({ storageState: await page.context().storageState() });
  const other = await elsewhere.newPage();
  await other.goto(PAGE);
  await other.getByLabel('Edit: Bread').click();
  await other.getByRole('dialog').getByLabel('Title').fill('Brown bread');
  await other.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await shows(other, 'Brown bread');

  await dialog.getByLabel('Title').fill('White bread');
  await save.click();
  await dialog.getByText('This task was changed in another place. Your changes are not saved.').waitFor();
  await offer.click();
  assert.equal(await dialog.getByLabel('Title').inputValue(), 'Brown bread');
  await offer.waitFor({ state: 'hidden' });
  await dialog.getByLabel('Description').fill('from the bakery');
  await save.click();
  await dialog.waitFor({ state: 'hidden' });
  await shows(page, 'Brown bread');
  assert.deepEqual(await marks(page, 0), ['from the bakery']);
}));

test('a task that is due at a time keeps its time in the editor', () => withPage(async (page) => {
  await signUp(page, 'erin@example.com');
  await page.evaluate(async (url) => {
    const { token } = await (await fetch('/api/auth/token')).json();
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    await fetch(`${url}/api/tasks`, { method: 'POST', headers, body: '{"title": "Train", "due_date": "2099-01-31T12:00:00Z"}' });
  }, api.url);
  await page.reload();
  await page.getByLabel('Edit: Train').click();
  assert.equal(await page.getByLabel('Due date').inputValue(), '2099-01-31T14:00');
  await page.getByLabel('Due date').fill('2099-01-31T15:30');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('li small', { hasText: '3:30' }).waitFor();
}, { timezoneId: 'Europe/Helsinki', locale: 'en-US' }));

test('a user repeats a task with a reminder, completes it and hears of the reminder', () => withPage(async (page) => {
  // The tests of the server have the reminders that fire. Here the stream has one when the task exists.
  let remind;
  const reminded = new Promise((resolve) => (remind = resolve));
  await page.route(`${api.url}/api/tasks/events`, async (route) => {
    const id = await reminded;
    const body = `event: state\nid: 1\ndata: {"state":1}\n\nevent: reminder\nid: 2\ndata: {"task_id":${id},"n":1}\n\n`;
    await route.fulfill({ status: 200, contentType: 'text/event-stream', headers: { 'access-control-allow-origin': PAGE }, body });
  });
  await signUp(page, 'ivan@example.com');
  await add(page, 'Plants', { due: '2099-01-05' });
  const sent = [];
  page.on('request', (request) => request.method() === 'PATCH' && sent.push(request.postDataJSON()));
  const dialog = page.getByRole('dialog', { name: 'Edit task' });
  const save = dialog.getByRole('button', { name: 'Save' });
  await page.getByLabel('Edit: Plants').click();
  await dialog.getByLabel('Repeats').selectOption('Every week');
  await dialog.getByLabel('Reminder').selectOption('15 minutes before');
  await dialog.getByLabel('Due date').fill('');
  await save.click();
  await dialog.getByText('A task that repeats needs a due date.').waitFor();
  await dialog.getByLabel('Due date').fill('2099-01-05');
  await save.click();
  await dialog.waitFor({ state: 'hidden' });
  assert.deepEqual(sent.at(-1), { recurrence: 'weekly', reminders: [{ before: 'PT15M' }], time_zone: 'Europe/Helsinki' });
  await page.locator('li small', { hasText: 'Repeats every week' }).waitFor();
  assert.match((await marks(page, 0)).join(), /^Due Jan 5, 2099,Repeats every week,Reminder Jan 5, 2099, 8:45.AM$/);

  await page.getByLabel('Plants').first().check();
  await settled(page, '1 to do');
  await shows(page, 'Plants', 'Plants');
  assert.match((await marks(page, 0)).join(), /^Due Jan 12, 2099,Repeats every week,Reminder Jan 12, 2099, 8:45.AM$/);
  assert.match((await marks(page, 1)).join(), /^Due Jan 5, 2099,Repeats every week$/);

  await page.getByLabel('Edit: Plants').first().click();
  assert.deepEqual([await dialog.getByLabel('Repeats').inputValue(), await dialog.getByLabel('Reminder').inputValue()], ['weekly', 'PT15M']);
  await dialog.getByLabel('Due date').fill('');
  await save.click();
  await dialog.getByText('due_date cannot be removed from a recurring task: end the recurrence first').waitFor();
  await dialog.getByLabel('Repeats').selectOption('Never');
  await dialog.getByLabel('Reminder').selectOption('None');
  await save.click();
  await dialog.waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.querySelector('li small').textContent === '');
  assert.deepEqual(sent.at(-1), { due_date: '', recurrence: null, reminders: [] });

  assert.equal(await page.locator('#reminder').innerText(), '');
  remind((await page.locator('li').first().getAttribute('id')).slice('task-'.length));
  await page.getByText('Reminder: Plants').waitFor();
}, { timezoneId: 'Europe/Helsinki', locale: 'en-US' }));

test('a user filters and sorts tasks, sees overdue ones in their own time zone, completes all and deletes the completed ones', () => withPage(async (page) => {
  await signUp(page, 'carol@example.com');
  // In this time zone days end before they do in UTC.
  const yesterday = await page.evaluate(() => {
    const day = new Date();
    day.setDate(day.getDate() - 1);
    return day.toLocaleDateString('sv');
  });
  await add(page, 'Crème brûlée', { priority: 'high', due: yesterday, tags: 'Dessert, for Bob' });
  await settled(page, '1 to do, 1 overdue');
  await add(page, 'Bread', { priority: 'low', due: '2099-01-31' });
  await settled(page, '2 to do, 1 overdue');
  await add(page, 'Apples', { tags: 'fruit' });
  await settled(page, '3 to do, 1 overdue');

  assert.deepEqual(await marks(page, 0), ['fruit']);
  assert.match((await marks(page, 1)).join(), /^Low priority,Due .*2099/);
  assert.match((await marks(page, 2)).join('; '), /^High priority; Overdue: .*; Dessert; for Bob$/);

  await page.getByLabel('Order').selectOption('Due first');
  await shows(page, 'Crème brûlée', 'Bread', 'Apples');
  await page.getByLabel('Order').selectOption('A to Z');
  await shows(page, 'Apples', 'Bread', 'Crème brûlée');
  await page.getByLabel('Search').pressSequentially('CREME');
  await shows(page, 'Crème brûlée');
  await page.getByRole('checkbox').check();
  await settled(page, '2 to do');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'done', 'the focus stays');
  await page.getByLabel('Search').fill('Cake');
  await page.getByText('No task matches.').waitFor();
  await page.getByLabel('Search').fill('');
  await page.getByRole('radio', { name: 'To do' }).check();
  await shows(page, 'Apples', 'Bread');

  await page.click('#complete-all');
  await shows(page);
  await page.getByRole('radio', { name: 'Done 3' }).check();
  await shows(page, 'Apples', 'Bread', 'Crème brûlée');
  await page.click('#clear');
  await shows(page);
  assert.equal(await page.locator('#all').innerText(), '0');
}, { timezoneId: 'Pacific/Kiritimati' }));

test('the page reports that it loads and that the server is down, and tries again', () => withPage(async (page) => {
  await signUp(page, 'frank@example.com');
  await add(page, 'Buy milk');
  const list = `${api.url}/api/tasks?*`;

  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  await page.route(list, async (route) => {
    await arrived;
    await route.continue();
  });
  await page.reload();
  await page.getByText('Loading…').waitFor();
  assert.equal(await page.getByText('No tasks yet.').count(), 0);
  arrive();
  await shows(page, 'Buy milk');
  await page.getByText('Loading…').waitFor({ state: 'detached' });

  await page.unroute(list);
  await page.route(`${api.url}/**`, (route) => route.abort());
  await page.getByLabel('Buy milk').first().click();
  await page.getByText('The server cannot be reached.').waitFor();
  assert.equal(await page.getByLabel('Buy milk').first().isChecked(), false, 'the page shows what the server has');

  await page.reload();
  await page.getByText('The server cannot be reached.').waitFor();
  for (const text of ['Loading…', 'No tasks yet.']) assert.equal(await page.getByText(text).count(), 0);
  await page.unroute(`${api.url}/**`);
  await page.getByRole('button', { name: 'Try again' }).click();
  await shows(page, 'Buy milk');
  assert.equal(await page.locator('#problem').innerText(), '');
}));

test('errors of sign-up and sign-in are plain sentences', () => withPage(async (page) => {
  await signUp(page, 'grace@example.com');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForSelector('body.out');
  const create = page.getByRole('button', { name: 'Create an account' });
  const alert = (text) => page.getByRole('alert').filter({ hasText: text }).waitFor();

  await create.click();
  assert.equal(await page.evaluate(() => document.activeElement.name), 'email', 'the browser asks for the missing address');
  await fillSignIn(page, 'grace@example.com');
  await create.click();
  await alert('There is already an account with this e-mail address. Sign in instead.');
  await fillSignIn(page, 'grace@example.com', 'another password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await alert('The e-mail address or the password is wrong.');
  await fillSignIn(page, 'grace@example');
  await create.click();
  await alert('This is not a complete e-mail address.');
}));

for (const colorScheme of ['light', 'dark']) {
  test(`the page has no faults that axe finds, and wraps long titles, in ${colorScheme} colors`, () => withPage(async (page) => {
    const faults = async () => {
      await page.addScriptTag({ path: fileURLToPath(import.meta.resolve('axe-core')) });
      const { violations } = await page.evaluate(() => axe.run());
      return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
    };
    await page.goto(PAGE);
    await page.waitForSelector('body.out');
    assert.deepEqual(await faults(), []);
    await signUp(page, `${colorScheme}@example.com`);
    await add(page, 'Late', { priority: 'high', due: '2020-01-31', tags: 'work' });
    await add(page, 'Long'.repeat(50), { priority: 'medium' });
    await add(page, 'Ready');
    await page.getByLabel('Ready').first().check();
    await settled(page, '2 to do');
    assert.deepEqual(await faults(), []);
    await page.setViewportSize({ width: 320, height: 640 }); // WCAG 2.2, 1.4.10: no scrolling in two dimensions at this width
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    await page.getByLabel('Edit: Late').click();
    assert.deepEqual(await faults(), []);
    await page.keyboard.press('Escape');
    await page.route(`${api.url}/**`, (route) => route.abort());
    await page.getByLabel('Search').fill('x');
    await page.getByText('The server cannot be reached.').waitFor();
    assert.deepEqual(await faults(), []);
  }, { colorScheme }));
}

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
