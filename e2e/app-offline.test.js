// docs/examples/nextjs in two windows of a real browser: a server that is killed, work offline, conflicts, and a reload offline.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  add, assertNoFaults, connected, edit, row, screenshot, serverTasks, settled, shows, signUp, startNextApp, status, withWindows,
} from './lib/next-app.js';

let app;
before(async () => (app = await startNextApp()));
after(() => app?.stop());

const goOffline = async (page) => {
  await page.context().setOffline(true);
  await status(page, 'offline');
};
const goOnline = (page) => page.context().setOffline(false);

// Opens the app in another window of the same user.
async function opened(another) {
  const page = await another();
  await page.goto(app.url);
  await connected(page);
  return page;
}

const ofServer = async (page) => (await serverTasks(page, app)).map(({ title, completed, description }) => [title, completed, description]);

test('two windows converge, also if the server is killed in between', () => withWindows(async (page, another) => {
  await signUp(page, app, 'alice@example.com');
  const other = await opened(another);
  await add(page, 'Milk');
  await add(page, 'Bread');
  await shows(other, 'Bread', 'Milk');
  await other.getByLabel('Milk', { exact: true }).check();
  await page.waitForFunction(() => document.querySelector('.completed .task-title')?.textContent === 'Milk');

  await app.api.stop('SIGKILL');
  for (const window of [page, other]) await status(window, 'offline');
  await add(page, 'While it is down');
  await edit(page, 'Bread', { 'Title': 'Rye bread' });
  await add(other, 'Of the other');
  await other.getByLabel('Delete: Milk').click();
  await app.api.start();
  for (const window of [page, other]) {
    const now = window.getByRole('button', { name: 'Try now' });
    if (await now.count() > 0) await now.click().catch(() => {}); // it is connected already
  }
  for (const window of [page, other]) {
    await settled(window);
    await window.waitForFunction(() => [...document.querySelectorAll('.task-title')].map(({ textContent }) => textContent).sort().join()
      === 'Of the other,Rye bread,While it is down');
  }
}));

test('a window that was offline loses nothing, and doubles nothing', () => withWindows(async (page, another) => {
  await signUp(page, app, 'bob@example.com');
  for (const title of ['Old', 'Milk', 'Bread', 'Plan']) await add(page, title);
  await settled(page);
  const other = await opened(another);
  await shows(other, 'Plan', 'Bread', 'Milk', 'Old');

  await goOffline(page);
  await edit(page, 'Bread', { 'Title': 'Rye bread' });
  await add(page, 'New 1', { priority: 'high' });
  await add(page, 'New 2');
  await edit(page, 'New 2', { 'Description': 'edited before it was sent' });
  await page.getByLabel('Milk', { exact: true }).check();
  await page.getByLabel('Delete: Old').click();
  await row(page, 'New 1').getByText('Not sent yet').waitFor();
  await page.getByText('You are offline.', { exact: true }).waitFor();
  await screenshot(page, 'offline');
  await assertNoFaults(page, 'offline');
  await page.getByRole('link', { name: 'Trash' }).click();
  await page.getByText('The trash is on the server.').waitFor();
  await page.goBack();
  await edit(other, 'Bread', { 'Description': 'from the other window' });
  await add(other, 'Of the other');
  await settled(other);

  await goOnline(page);
  await settled(page);
  const expected = [
    ['New 2', false, 'edited before it was sent'], ['New 1', false, null], ['Of the other', false, null],
    ['Plan', false, null], ['Rye bread', false, 'from the other window'], ['Milk', true, null],
  ].sort();
  assert.deepEqual((await ofServer(page)).sort(), expected);
  for (const window of [page, other]) {
    await window.waitForFunction((titles) => [...document.querySelectorAll('.task-title')].map(({ textContent }) => textContent).sort().join() === titles,
      expected.map(([title]) => title).sort().join());
  }
}));

test('the same field edited in both windows is a conflict that shows both texts, and both survive', () => withWindows(async (page, another) => {
  await signUp(page, app, 'carol@example.com');
  await add(page, 'Plan', { description: 'The draft' });
  await settled(page);
  const other = await opened(another);
  const collide = async (mine, theirs) => {
    await goOffline(page);
    await edit(page, 'Plan', { 'Description': mine });
    await edit(other, 'Plan', { 'Description': theirs });
    await settled(other);
    await goOnline(page);
    const card = page.getByRole('region', { name: '“Plan” was changed in two places' });
    await card.getByText(mine, { exact: true }).waitFor();
    await card.getByText(theirs, { exact: true }).waitFor();
    await row(page, 'Plan').getByText('Conflict').waitFor();
    return card;
  };
  const description = (window, text) => row(window, 'Plan').locator('.description').filter({ hasText: text }).waitFor();

  let card = await collide('We take the train at nine.', 'Eve drives, we start at ten.');
  await screenshot(page, 'conflict');
  await assertNoFaults(page, 'conflict');
  await card.getByRole('button', { name: 'Edit both' }).click();
  const form = page.getByRole('form', { name: 'Edit both versions' });
  assert.equal(await form.getByLabel('Description').inputValue(), 'We take the train at nine.\n\nEve drives, we start at ten.');
  await assertNoFaults(page, 'editor of a conflict');
  await form.getByRole('button', { name: 'Save' }).click();
  for (const window of [page, other]) {
    await description(window, 'We take the train at nine.');
    await description(window, 'Eve drives, we start at ten.');
  }
  card = await collide('mine', 'the other');
  await page.reload();
  await card.getByRole('button', { name: 'Keep mine' }).click();
  await settled(page);
  await description(other, /^mine$/);
  card = await collide('mine again', 'the other again');
  await card.getByRole('button', { name: 'Keep theirs' }).click();
  await description(page, /^the other again$/);

  // The change arrives while the editor is open.
  await page.getByLabel('Edit: Plan').click();
  await edit(other, 'Plan', { 'Title': 'Plan B' });
  await settled(other);
  const editor = page.getByRole('form', { name: 'Edit: Plan' });
  await editor.getByLabel('Title').fill('Plan C');
  await editor.getByRole('button', { name: 'Save' }).click();
  const titles = page.getByRole('region', { name: 'was changed in two places' });
  for (const title of ['Plan B', 'Plan C']) await titles.getByText(title, { exact: true }).waitFor();
  await titles.getByRole('button', { name: 'Keep mine' }).click();
  await shows(other, 'Plan C');

  // The other window deletes the task.
  await goOffline(page);
  await edit(page, 'Plan C', { 'Title': 'Plan D' });
  await other.getByLabel('Delete: Plan C').click();
  await settled(other);
  await goOnline(page);
  await page.getByRole('region', { name: 'was deleted elsewhere' }).getByRole('button', { name: 'Restore it with my changes' }).click();
  await shows(other, 'Plan D');
  await settled(page);
}));

test('a reload without a network shows the tasks, and the cache has neither answers of the Task API nor tokens', () => withWindows(async (page) => {
  await signUp(page, app, 'dave@example.com');
  await add(page, 'Milk', { tags: 'home' });
  await settled(page);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
  await goOffline(page);
  await add(page, 'Bread');
  await page.reload();
  await shows(page, 'Bread', 'Milk');
  await status(page, 'offline');
  await row(page, 'Bread').getByText('Not sent yet').waitFor();
  await row(page, 'Milk').getByText('home').waitFor();
  await edit(page, 'Milk', { 'Title': 'Oat milk' });
  await page.reload();
  await shows(page, 'Bread', 'Oat milk');
  const kept = await page.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    return (await Promise.all(caches_.map((cache) => cache.keys()))).flat().map(({ url }) => url);
  });
  assert.ok(kept.length > 2);
  assert.deepEqual(kept.filter((url) => url !== `${app.url}/` && !url.startsWith(`${app.url}/_next/static/`) && !url.startsWith(`${app.url}/icon`)), []);
  await goOnline(page);
  await settled(page);
  assert.deepEqual((await ofServer(page)).map(([title]) => title).sort(), ['Bread', 'Oat milk']);
}));
