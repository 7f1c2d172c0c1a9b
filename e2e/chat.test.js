// The chat of docs/examples/nextjs: the production build, Better Auth, the task server and its /mcp, with a model that follows a script.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SECRET } from './lib/better-auth.js';
import { calls, HANGS, says, startModelProvider } from './lib/model-provider.js';
import { assertNoFaults, screenshot, shows, signUp as signUpInBrowser, startNextApp, withWindows } from './lib/next-app.js';

const KEY = 'the key of the provider';
const MESSAGES = [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Put milk on my list, and read it to me' }] }];

let provider, settings;
before(async () => {
  provider = await startModelProvider();
  settings = { AI_BASE_URL: provider.url, AI_MODEL: 'scripted', AI_API_KEY: KEY };
});
after(() => provider?.stop());

/** Signs a user up, and returns the cookie of the session. */
async function signUp(app, name) {
  const answer = await fetch(`${app.url}/api/auth/sign-up/email`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: app.url },
    body: JSON.stringify({ email: `${name}@example.com`, password: 'a good password', name }),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
}

/** Sends a message of the user, as `useChat` does. Returns the answer as a whole, with the parts of its stream. */
async function ask(app, cookie, { type = 'application/json', body } = {}) {
  const answer = await fetch(`${app.url}/api/chat`, {
    method: 'POST', headers: { 'Content-Type': type, ...(cookie && { Cookie: cookie }) }, body: body ?? JSON.stringify({ messages: MESSAGES }),
  });
  const text = await answer.text();
  if (!answer.headers.get('content-type').startsWith('text/event-stream')) return { status: answer.status, json: JSON.parse(text) };
  const parts = text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice('data: '.length)));
  return { status: answer.status, text, parts };
}

async function tasksOf(app, cookie, tokenAddress) {
  const { token } = await (await fetch(app.url + tokenAddress, { headers: { Cookie: cookie } })).json();
  const answer = await fetch(`${app.api.url}/api/tasks`, { headers: { Authorization: `Bearer ${token}` } });
  return { token, titles: (await answer.json()).map(({ title }) => title) };
}

for (const [kind, options, tokenAddress] of [
  ['Better Auth', {}, '/api/auth/token'],
  ['a shared secret', { secret: SECRET }, '/api/token'],
]) {
  test(`with tokens of ${kind} the model adds and lists tasks of the signed-in user only, and each refusal has a sentence`, async () => {
    const app = await startNextApp({ ...options, variables: settings });
    try {
      const [alice, bob] = [await signUp(app, 'alice'), await signUp(app, 'bob')];

      provider.play(says('never'));
      assert.deepEqual(await ask(app), { status: 401, json: { detail: 'Please sign in' } });
      assert.deepEqual(await ask(app, `${alice}x`), { status: 401, json: { detail: 'Please sign in' } });
      assert.deepEqual(await ask(app, alice, { type: 'text/plain' }), { status: 415, json: { detail: 'The body must be application/json' } });
      for (const body of ['{', 'null', '{}', '{"messages":[{"role":"user"}]}', '{"messages":"milk"}']) {
        assert.deepEqual(await ask(app, alice, { body }), { status: 400, json: { detail: 'The body must have messages of the AI SDK' } }, body);
      }
      assert.equal(provider.requests.length, 0, 'the model is not asked');

      provider.play(calls('add_task', { title: 'Buy milk' }), calls('list_tasks', {}), says('Your list has milk.'));
      const { status, text, parts } = await ask(app, alice);
      assert.equal(status, 200);
      const results = parts.filter((part) => part.type === 'tool-output-available').map(({ output }) => output.structuredContent);
      assert.equal(results[0].status, 'created');
      assert.deepEqual(results[1].tasks.map(({ title }) => title), ['Buy milk']);
      assert.equal(parts.filter((part) => part.type === 'text-delta').map(({ delta }) => delta).join(''), 'Your list has milk.');

      const [{ token, titles }, ofBob] = [await tasksOf(app, alice, tokenAddress), await tasksOf(app, bob, tokenAddress)];
      assert.deepEqual([titles, ofBob.titles], [['Buy milk'], []]);
      provider.play(calls('list_tasks', {}), says('Your list is empty.'));
      const [{ output }] = (await ask(app, bob)).parts.filter((part) => part.type === 'tool-output-available');
      assert.deepEqual(output.structuredContent.tasks, []);

      // What the provider gets: its own key, the model's name and the tools, but no token.
      const [request] = provider.requests;
      assert.deepEqual([request.url, request.headers.authorization, request.body.model], ['/v1/chat/completions', `Bearer ${KEY}`, 'scripted']);
      assert.equal(request.body.tools.length, 8);
      const header = token.split('.')[0]; // that of every token of this app
      assert.ok([text, ...provider.requests.map((request) => JSON.stringify(request))].every((sent) => !sent.includes(header)), 'no token');
      assert.ok(!text.includes(KEY));

      provider.play();
      const failed = await ask(app, alice);
      assert.equal(failed.parts.find((part) => part.type === 'error').errorText, 'The model does not answer. Please try again later.');
      assert.ok(!failed.text.includes('a secret of the provider'));

      await app.api.stop();
      assert.deepEqual(await ask(app, alice), { status: 502, json: { detail: `The Task API at ${app.api.url} cannot be used at /mcp` } });
    } finally {
      await app.stop();
    }
  });
}

test('the work ends if the user leaves', async () => {
  const app = await startNextApp({ variables: settings });
  try {
    const cookie = await signUp(app, 'dave');
    provider.play(HANGS);
    const answer = await fetch(`${app.url}/api/chat`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', Cookie: cookie }, body: JSON.stringify({ messages: MESSAGES }),
    });
    // The end of the loop closes the connection.
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) if (part.includes('Well')) break;
    await provider.leaving;
  } finally {
    await app.stop();
  }
});

for (const colorScheme of ['light', 'dark']) {
  test(`in ${colorScheme} colors a user chats in the panel, the list changes, and the next question has what was said`, async () => {
    const app = await startNextApp({ variables: settings });
    try {
      await withWindows(async (page) => {
        await signUpInBrowser(page, app, 'erin@example.com');
        const button = page.getByRole('button', { name: 'Chat' });
        await button.click();
        const ask = async (question) => {
          await page.getByLabel('Message').fill(question);
          await page.keyboard.press('Enter');
          await page.locator('[role=log][aria-busy=true]').waitFor({ state: 'detached' });
        };
        const log = page.getByRole('log', { name: 'Conversation' });
        await log.getByText('Ask about your tasks').waitFor();
        await assertNoFaults(page, 'empty chat');
        provider.play(calls('add_task', { title: 'Buy milk' }), says('It is on your list.'));
        await ask('Put milk on my list');
        await log.getByText('It is on your list.').waitFor();
        await log.getByText('Used: add task').waitFor();
        await shows(page, 'Buy milk');
        await assertNoFaults(page, 'chat');
        await screenshot(page, `chat-${colorScheme}`);

        await button.click();
        await log.waitFor({ state: 'detached' });
        await button.click();
        provider.play(says('Milk.'));
        await ask('What did I ask for?');
        await log.getByText('Milk.', { exact: true }).waitFor();
        const said = provider.requests[0].body.messages.map(({ role }) => role);
        assert.deepEqual(said, ['system', 'user', 'assistant', 'tool', 'assistant', 'user']);

        provider.play();
        await ask('And now?');
        await page.getByRole('alert').filter({ hasText: 'The model does not answer. Please try again later.' }).waitFor();
        await page.setViewportSize({ width: 375, height: 812 });
        await assertNoFaults(page, 'failed chat at 375 pixels');
        await page.context().clearCookies();
        await ask('And now?');
        await page.getByRole('alert').filter({ hasText: 'Please sign in' }).waitFor();
      }, { colorScheme });
    } finally {
      await app.stop();
    }
  });
}

test('without a model there is no panel, and the route names the settings that are missing', async () => {
  const app = await startNextApp({ variables: { AI_BASE_URL: '', AI_MODEL: '' } });
  try {
    await withWindows(async (page) => {
      await signUpInBrowser(page, app, 'erin@example.com');
      assert.equal(await page.getByRole('button', { name: 'Chat' }).count(), 0);
    });
    const { status, json } = await ask(app, await signUp(app, 'carol'));
    assert.equal(status, 501);
    assert.match(json.detail, /^This app has no chat: set AI_BASE_URL and AI_MODEL, and AI_API_KEY/);
  } finally {
    await app.stop();
  }
});
