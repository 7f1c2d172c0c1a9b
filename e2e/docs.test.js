// Swagger UI at /docs, in a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPage } from './lib/chromium.js';
import { startApi } from './lib/program.js';

test('a user authorizes at /docs, creates a task with "Try it out" and sees 201', () => withPage(async (page) => {
  const api = await startApi();
  try {
    const elsewhere = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(api.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
    });
    await page.goto(`${api.url}/docs`);

    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.dialog-ux input').fill(api.developmentToken('alice'));
    await page.locator('.dialog-ux button.authorize').click();
    await page.locator('.dialog-ux button.btn-done').click();

    const create = page.locator('#operations-tasks-create_task');
    await create.locator('.opblock-summary').click();
    await create.locator('textarea.body-param__text').fill(JSON.stringify({ title: 'Made in a browser' }));
    await create.locator('button.execute').click();
    const status = create.locator('.live-responses-table .response-col_status').last();
    await status.waitFor();
    assert.match(await status.innerText(), /^201/);
    assert.match(await create.locator('.live-responses-table .response-col_description').last().innerText(), /Made in a browser/);
    assert.deepEqual(elsewhere, [], 'everything comes from the server itself');
  } finally {
    await api.stop();
  }
}));
