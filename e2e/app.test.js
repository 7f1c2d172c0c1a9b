// docs/examples/nextjs, the Next.js app, in a real browser: accounts, every feature of the list, the trash, the keyboard, axe.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SECRET } from './lib/better-auth.js';
import {
  add, assertNoFaults, edit, row, screenshot, serverTasks, settled, shows, signIn, signOut, signUp, startNextApp, status, withWindows,
} from './lib/next-app.js';

let app;
before(async () => (app = await startNextApp()));
after(() => app?.stop());

const spoken = (page, text) => page.locator('[role=status].for-screen-readers').filter({ hasText: text }).waitFor({ state: 'attached' });
const details = (page, title) => row(page, title).locator('.task-details');
const focusIsIn = (page, selector) => page.waitForFunction((selector) => document.activeElement.closest(selector), selector);

test('a user signs up with helpful errors, signs out, and finds the tasks after the next sign-in', () => withWindows(async (page) => {
  await page.goto(app.url);
  await page.getByText('npm install && npm start').waitFor();
  await page.getByText(`BETTER_AUTH_URL=${app.url} cargo run -p api`).waitFor();
  const alert = (text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
  await page.goto(app.url.replace('localhost', '127.0.0.1'));
  await signIn(page, 'alice@example.com');
  await alert('This app has another address.');
  await page.goto(app.url);
  await signIn(page, 'alice@example.com', 'a wrong password');
  await alert('The e-mail address or the password is wrong.');
  await focusIsIn(page, '[name=password][aria-invalid=true]');
  await signUp(page, app, 'alice@example.com');
  await page.getByText('No tasks yet').waitFor();
  await add(page, 'Buy milk');
  await settled(page);

  await signOut(page);
  assert.deepEqual(await page.evaluate(async () => [localStorage.getItem('user'), (await indexedDB.databases()).length]), [null, 0], 'nothing is left');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await signIn(page, 'alice@example.com', 'another password', 'Create account');
  await alert('There is already an account with this e-mail address. Sign in instead.');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await signIn(page, 'alice@example.com');
  await shows(page, 'Buy milk');
}));

test('every field is edited in place, and times are those of the person', () => withWindows(async (page) => {
  await signUp(page, app, 'dora@example.com');
  await add(page, 'Bread', { priority: 'low', day: '2099-01-31', tags: 'food' });
  await details(page, 'Bread').getByText('Jan 31, 2099').waitFor();
  await settled(page);
  const sent = [];
  page.on('request', (request) => request.method() === 'PATCH' && sent.push(request.postDataJSON()));
  await edit(page, 'Bread', {
    'Title': 'Rye bread', 'Description': 'From the market\nNot sliced', 'Priority': 'high', 'Due date': '2099-02-28', 'Time': '15:30', 'Tags': 'food, market, Food',
  });
  await focusIsIn(page, '[data-action=edit]');
  await spoken(page, 'Saved: Rye bread');
  await details(page, 'Rye bread').getByText('Feb 28, 2099, 3:30').waitFor();
  await settled(page);
  const [task] = await serverTasks(page, app);
  assert.deepEqual(
    [task.title, task.description, task.priority, new Date(task.due_date).toISOString(), task.tags],
    ['Rye bread', 'From the market\nNot sliced', 'high', '2099-02-28T13:30:00.000Z', ['food', 'market']],
  );
  await edit(page, 'Rye bread', { 'Due date': '', 'Time': '', 'Tags': '' });
  await settled(page);
  assert.deepEqual(sent.at(-1), { due_date: null, tags: [] }, 'only what was changed is sent');

  await page.getByLabel('Edit: Rye bread').click();
  const form = page.getByRole('form', { name: 'Edit: Rye bread' });
  await form.getByLabel('Title').fill(' ');
  await form.getByRole('button', { name: 'Save' }).click();
  await form.getByRole('alert').filter({ hasText: 'A task needs a title.' }).waitFor();
  await page.keyboard.press('Escape');
  await shows(page, 'Rye bread');
}, { timezoneId: 'Europe/Helsinki', locale: 'en-US' }));

test('a user searches, filters and sorts, and sees what is overdue in their own time zone', () => withWindows(async (page) => {
  await signUp(page, app, 'carol@example.com');
  // In this time zone days end before they do in UTC.
  const day = (offset) => page.evaluate((offset) => {
    const day = new Date();
    day.setDate(day.getDate() + offset);
    return day.toLocaleDateString('sv');
  }, offset);
  await add(page, 'Crème brûlée', { priority: 'high', day: await day(-1), tags: 'Dessert, for Bob' });
  await add(page, 'Bread', { priority: 'low', day: await day(0) });
  await add(page, 'Apples', { tags: 'fruit', description: 'Green ones' });
  await details(page, 'Crème brûlée').getByText('Overdue: Yesterday').waitFor();
  await details(page, 'Bread').getByText('Today').waitFor();
  await page.getByText('3 to do, 1 overdue').waitFor();

  const choose = (label, value) => page.getByLabel(label, { exact: true }).selectOption(value);
  await choose('Order', 'Due first');
  await shows(page, 'Crème brûlée', 'Bread', 'Apples');
  await choose('Order', 'A to Z');
  await shows(page, 'Apples', 'Bread', 'Crème brûlée');
  await choose('Due', 'Overdue');
  await shows(page, 'Crème brûlée');
  await choose('Due', 'No date');
  await shows(page, 'Apples');
  await page.getByRole('button', { name: 'Show all' }).click();
  await choose('Priority', 'Low');
  await shows(page, 'Bread');
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('button', { name: 'Show tasks with the tag Dessert' }).click();
  await shows(page, 'Crème brûlée');
  await page.getByRole('button', { name: 'Show all' }).click();
  for (const [search, ...titles] of [['CREME bob', 'Crème brûlée'], ['green', 'Apples'], ['cake']]) {
    await page.getByLabel('Search').fill(search);
    await shows(page, ...titles);
  }
  await page.getByText('No task matches.').waitFor();
  await page.getByLabel('Search').fill('');
  await page.getByLabel('Bread', { exact: true }).check();
  await page.getByRole('radio', { name: 'To do 2' }).check();
  await shows(page, 'Apples', 'Crème brûlée');
  await page.getByRole('radio', { name: 'Done 1' }).check();
  await shows(page, 'Bread');
}, { timezoneId: 'Pacific/Kiritimati' }));

test('a deletion can be undone at once and from the trash, and the trash can be emptied', () => withWindows(async (page) => {
  await signUp(page, app, 'erin@example.com');
  for (const title of ['One', 'Two', 'Three']) await add(page, title, title === 'Two' ? { priority: 'high', tags: 'kept' } : {});
  await settled(page);
  await page.getByLabel('Delete: Two').click();
  await shows(page, 'Three', 'One');
  await settled(page);
  await page.getByRole('button', { name: 'Undo' }).click();
  await shows(page, 'Three', 'Two', 'One');
  await details(page, 'Two').getByText('kept').waitFor();
  for (const title of ['Two', 'Three']) {
    await page.getByLabel(`Delete: ${title}`).click();
    await settled(page); // deletions are sent at the same time, so their order on the server would be open
  }

  await page.getByRole('link', { name: 'Trash' }).click();
  await page.getByRole('heading', { name: 'Trash' }).waitFor();
  await shows(page, 'Three', 'Two');
  await screenshot(page, 'trash');
  await assertNoFaults(page, 'trash');
  await page.getByLabel('Restore: Two').click();
  await shows(page, 'Three');
  await page.getByRole('button', { name: 'Empty the trash' }).click();
  const dialog = page.getByRole('dialog', { name: 'Empty the trash?' });
  await assertNoFaults(page, 'question before the trash is emptied');
  await dialog.getByRole('button', { name: 'Erase all of them' }).click();
  await page.getByText('The trash is empty', { exact: true }).waitFor();
  await page.goBack();
  await shows(page, 'Two', 'One');
  await settled(page);
  assert.deepEqual((await serverTasks(page, app)).map(({ title, tags }) => [title, tags]), [['Two', ['kept']], ['One', []]]);
}));

test('the keyboard adds, searches, completes, edits, deletes, and shows its keys, unless they are turned off', () => withWindows(async (page) => {
  await signUp(page, app, 'frank@example.com');
  const press = (key) => page.keyboard.press(key);
  const inRow = (title) => page.waitForFunction((title) => document.activeElement.closest('[data-task]')?.textContent.startsWith(title), title);
  await press('n');
  for (const title of ['One', 'Two', 'Three']) {
    await page.keyboard.type(title);
    await press('Enter');
    await spoken(page, `Added: ${title}`);
  }
  await shows(page, 'Three', 'Two', 'One');
  await press('Tab');
  await press('/');
  await focusIsIn(page, '#search');
  await press('ArrowDown');
  await inRow('Three');
  await press('Space');
  await spoken(page, 'Completed: Three');
  await press('ArrowDown');
  await inRow('Two');
  await press('e');
  await page.getByRole('form', { name: 'Edit: Two' }).waitFor();
  await page.keyboard.type('Second');
  await press('Control+Enter');
  await spoken(page, 'Saved: Second');
  await inRow('Second');
  await press('Delete');
  await spoken(page, 'Deleted “Second”');
  await inRow('One');
  await shows(page, 'Three', 'One');
  await press('u');
  await spoken(page, 'Restored: Second');
  await shows(page, 'Three', 'Second', 'One');
  await inRow('One');
  await press('?');
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await assertNoFaults(page, 'list of the keys');
  await dialog.getByLabel('Use these keys').uncheck();
  await press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await press('Delete');
  await press('/');
  await inRow('One');
  await shows(page, 'Three', 'Second', 'One');
}));

test('a refused change is shown with its reason, and can be corrected', () => withWindows(async (page) => {
  await signUp(page, app, 'grace@example.com');
  await add(page, 'Bread', { tags: 'x'.repeat(51) });
  const card = page.getByRole('region', { name: 'Not saved' });
  await card.getByText('“Bread” could not be added').waitFor();
  await card.getByRole('alert').filter({ hasText: 'tag' }).waitFor();
  await assertNoFaults(page, 'refused change');
  await card.getByRole('button', { name: 'Drop the change' }).click();
  await page.getByText('No tasks yet').waitFor();
}));

test('the page reports that it loads, and that the Task API is not running', () => withWindows(async (page) => {
  await signUp(page, app, 'heidi@example.com');
  await add(page, 'Bread');
  await settled(page);
  await signOut(page);
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  const tasks = `${app.api.url}/api/tasks*`;
  await page.route(tasks, async (route) => {
    await arrived;
    await route.continue();
  });
  await signIn(page, 'heidi@example.com');
  await page.getByText('Loading your tasks…').waitFor();
  assert.equal(await page.getByText('No tasks yet').count(), 0);
  arrive();
  await shows(page, 'Bread');
  await page.unroute(tasks);

  await signOut(page);
  await page.route(`${app.api.url}/**`, (route) => route.abort());
  await signIn(page, 'heidi@example.com');
  await page.getByText(`The Task API at ${app.api.url} does not answer.`).waitFor();
  await assertNoFaults(page, 'no Task API');
  for (const text of ['Loading your tasks…', 'No tasks yet']) assert.equal(await page.getByText(text).count(), 0);
  // While it is down, because the page also tries by itself, and then has no button.
  const request = page.waitForRequest(`${app.api.url}/**`);
  await page.getByRole('button', { name: 'Try again' }).click();
  await request;
  await page.unroute(`${app.api.url}/**`);
  await shows(page, 'Bread');
}));

test('after the end of a session the tasks stay, and changes are sent after the next sign-in', () => withWindows(async (page) => {
  await signUp(page, app, 'ivan@example.com');
  await add(page, 'Before');
  await settled(page);
  await page.context().clearCookies();
  await page.reload();
  await status(page, 'signed-out');
  await add(page, 'After');
  await shows(page, 'After', 'Before');
  await assertNoFaults(page, 'signed out');
  await page.getByRole('button', { name: 'Sign in again' }).click();
  assert.equal(await page.getByLabel('E-mail').inputValue(), 'ivan@example.com');
  await page.getByLabel('Password').fill('a good password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await settled(page);
  assert.deepEqual((await serverTasks(page, app)).map(({ title }) => title), ['After', 'Before']);
}));

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing in ${colorScheme} colors, also at a width of 375 pixels`, () => withWindows(async (page) => {
    await page.goto(app.url);
    await page.getByRole('button', { name: 'Create an account' }).click();
    await page.getByLabel('Password').waitFor();
    await assertNoFaults(page, 'sign-up');
    await signUp(page, app, `${colorScheme}@example.com`);
    await assertNoFaults(page, 'empty list');
    const day = (offset) => page.evaluate((offset) => {
      const day = new Date();
      day.setDate(day.getDate() + offset);
      return day.toLocaleDateString('sv');
    }, offset);
    await add(page, 'Return the library books', { priority: 'low', day: await day(6), tags: 'town' });
    await add(page, 'Plan the weekend in the mountains', { description: 'Huts, train, weather.\nAsk Eve about the tent.', tags: 'travel, friends' });
    await add(page, 'Book the dentist');
    await add(page, 'Water the plants', { priority: 'medium', day: await day(0), tags: 'home' });
    await add(page, 'Send the invoice to Bob', { priority: 'high', day: await day(-1), tags: 'work' });
    await page.getByLabel('Book the dentist', { exact: true }).check();
    await settled(page);
    await assertNoFaults(page, 'list');
    await page.mouse.move(0, 0);
    await screenshot(page, colorScheme);
    await page.getByLabel('Edit: Plan the weekend in the mountains').click();
    await assertNoFaults(page, 'editor');
    await screenshot(page, `editor-${colorScheme}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.setViewportSize({ width: 375, height: 812 });
    await assertNoFaults(page, 'list at 375 pixels');
    await screenshot(page, `mobile-${colorScheme}`);
    await add(page, 'Long'.repeat(40));
    await page.getByLabel('Delete: Book the dentist').click();
    await page.getByRole('button', { name: 'Details' }).click();
    await assertNoFaults(page, 'long titles, details and Undo at 375 pixels');
    await page.getByRole('button', { name: /^Account/ }).click();
    await assertNoFaults(page, 'account');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await assertNoFaults(page, 'sign-in at 375 pixels');
    await screenshot(page, `sign-in-${colorScheme}`);
  }, { colorScheme, locale: 'en-GB' }));
}

test('the app also works with tokens that are signed with a shared secret', async () => {
  const other = await startNextApp({ secret: SECRET });
  try {
    await withWindows(async (page) => {
      await signUp(page, other, 'judy@example.com');
      await add(page, 'Bread');
      await settled(page);
      const algorithm = await page.evaluate(async () => {
        const { token } = await (await fetch('/api/token')).json();
        return JSON.parse(atob(token.split('.')[0])).alg;
      });
      assert.equal(algorithm, 'HS256');
    });
  } finally {
    await other.stop();
  }
});
