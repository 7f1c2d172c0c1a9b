// Swagger UI at /docs, used as a person would: run with `./with-server npm test`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch } from './chromium.js';

const { API_URL, API_TOKEN } = process.env;

test('a person authorizes at /docs, creates a task with "Try it out" and sees 201', async () => {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const elsewhere = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(API_URL) && !request.url().startsWith('data:')) elsewhere.push(request.url());
    });
    await page.goto(`${API_URL}/docs`);

    await page.locator('.auth-wrapper .authorize').click();
    await page.locator('.dialog-ux input').fill(API_TOKEN);
    await page.locator('.dialog-ux button.authorize').click();
    await page.locator('.dialog-ux button.btn-done').click();

    const create = page.locator('#operations-tasks-create_task');
    await create.locator('.opblock-summary').click();
    await create.locator('textarea.body-param__text').fill(JSON.stringify({ title: 'Made in a browser' }));
    await create.locator('button.execute').click();
    const status = create.locator('.live-responses-table .response-col_status');
    await status.last().waitFor();
    assert.match(await status.last().innerText(), /^201/);
    assert.match(await create.locator('.live-responses-table .response-col_description').last().innerText(), /Made in a browser/);

    assert.deepEqual(elsewhere, [], 'everything comes from the server itself');
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  } finally {
    await browser.close();
  }
});
