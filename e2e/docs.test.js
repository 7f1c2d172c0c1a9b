// Swagger UI at /docs, in a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPage } from './lib/chromium.js';
import { startApi } from './lib/program.js';

// Opens the documentation of a new server, authorized as alice.
const withDocs = (use, options) => withPage(async (page) => {
  const api = await startApi();
  try {
    await page.goto(`${api.url}/`);
    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.dialog-ux input').fill(api.developmentToken('alice'));
    await page.locator('.dialog-ux button.authorize').click();
    await page.locator('.dialog-ux button.btn-done').click();
    await use(page, api);
  } finally {
    await api.stop();
  }
}, options);

// Executes an operation as it is filled in, or with another body. Returns the status and the body of the answer, as texts.
async function execute(page, group, operation, body) {
  const block = page.locator(`[id="operations-${group}-${operation}"]`);
  await block.locator('.opblock-summary-control').click();
  await block.locator('button.try-out__btn').click();
  if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
  await block.locator('button.execute').click();
  const status = block.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  return [await status.innerText(), await block.locator('.live-responses-table .response-col_description').last().innerText()];
}

test('a user authorizes at /docs, creates a task with "Try it out" and finds it in the list, whose filters are not filled in', () => withDocs(async (page, api) => {
  const elsewhere = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(api.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  await page.reload();
  const created = await execute(page, 'tasks', 'create_task', { title: 'Made in a browser' });
  assert.match(created[0], /^201/);
  assert.match(created[1], /Made in a browser/);
  const listed = await execute(page, 'tasks', 'list_tasks');
  assert.match(listed[0], /^200/);
  assert.match(listed[1], /Made in a browser/);
  assert.deepEqual(elsewhere, [], 'everything comes from the server itself');
}));

test('the operations are in groups and in the order of use, and a link leads to the quickstart', () => withDocs(async (page, api) => {
  assert.equal(page.url(), `${api.url}/docs/`);
  assert.equal(await page.title(), 'Task API');
  const ids = await page.locator('.opblock').evaluateAll((blocks) => blocks.map((block) => block.id.replace(/^operations-/, '')));
  assert.deepEqual(ids, [
    ...['list', 'create', 'get', 'update', 'patch', 'complete', 'delete'].map((verb) => `tasks-${verb}_task${verb === 'list' ? 's' : ''}`),
    'tasks-list_trash',
    'tasks-restore_task',
    'tasks-list_history',
    'tasks-list_occurrences',
    'tasks-snooze_reminder',
    'tasks-list_changes',
    'tasks-stream_events',
    'tasks-preview_recurrence',
    'bulk-complete_all_tasks',
    'bulk-delete_completed_tasks',
    'tags_and_summary-summarize_tasks',
    'tags_and_summary-list_tags',
    'account-export_me',
    'permanent_deletion-empty_trash',
    'permanent_deletion-erase_me',
  ]);
  const link = await page.locator('.info a', { hasText: 'Quickstart' }).getAttribute('href');
  assert.match(await (await fetch(link)).text(), /^# Quickstart/);
}));

test('the page follows the color scheme of the system', () => withDocs(async (page) => {
  // The page follows a moment after the change.
  const isDark = () => getComputedStyle(document.body).backgroundColor === 'rgb(28, 32, 34)';
  await page.waitForFunction(isDark);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForFunction((dark) => getComputedStyle(document.body).backgroundColor !== dark, 'rgb(28, 32, 34)');
}, { colorScheme: 'dark' }));
