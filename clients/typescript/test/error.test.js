import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, nextCursor, unwrap } from '../dist/index.js';
import { problem, withServer } from './lib/server.js';

const mistake = { field: 'title', code: 'blank', detail: 'title must not be blank' };

test('unwrap returns the data of a success, and undefined for a 204', () => withServer([{ body: [{ id: 1 }] }, { status: 204 }], async ({ client }) => {
  assert.deepEqual(await unwrap(client().GET('/api/tasks')), [{ id: 1 }]);
  assert.equal(await unwrap(client().DELETE('/api/tasks/{id}', { params: { path: { id: 1 } } })), undefined);
}));

test('unwrap throws the sentence, the status, the code and the mistakes of an error', () =>
  withServer([problem(422, 'invalid_field', {}, [mistake])], async ({ client }) => {
    const error = await unwrap(client().POST('/api/tasks', { body: { title: ' ' } })).catch((error) => error);
    assert.ok(error instanceof ApiError);
    const { name, message, detail, status, code, errors } = error;
    const sentence = 'The sentence of invalid_field';
    assert.deepEqual({ name, message, detail, status, code, errors },
      { name: 'ApiError', message: sentence, detail: sentence, status: 422, code: 'invalid_field', errors: [mistake] });
  }));

test('an answer of a proxy is an error without a code', async () => {
  for (const body of ['<h1>Bad gateway</h1>', '', { error: 'no detail' }]) {
    await withServer([{ status: 502, headers: { 'Content-Type': 'text/html' }, body }], async ({ client }) => {
      await assert.rejects(unwrap(client().GET('/api/tasks')), { status: 502, code: undefined, errors: [], message: 'The server answered with status 502' });
    });
  }
});

test('the cursor of the next page is read from Link', () => withServer(
  [{ headers: { Link: '</api/tasks?limit=1&cursor=a%2Bb>; rel="next"' } }, { headers: { Link: '<?cursor=c>; rel="prev"' } }, {}],
  async ({ client }) => {
    const cursors = [];
    for (let page = 0; page < 3; page += 1) cursors.push(nextCursor((await client().GET('/api/tasks')).response));
    assert.deepEqual(cursors, ['a+b', undefined, undefined]);
  },
));
