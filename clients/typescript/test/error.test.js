import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ifMatch, nextCursor, unwrap } from '../dist/index.js';
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

test('a stale version is an error with the current task, from which the next tag is made', () => {
  const { status, body } = problem(412, 'precondition_failed');
  const current = { id: 1, title: 'newer', version: 1769851800000001 };
  return withServer([{ status, headers: { ETag: 'W/"1769851800000001"' }, body: { ...body, current } }, problem(404, 'task_not_found')], async ({ client }) => {
    const params = { path: { id: 1 }, header: ifMatch({ version: 7 }) };
    assert.deepEqual(params.header, { 'If-Match': '"7"' });
    const stale = await unwrap(client().PUT('/api/tasks/{id}', { params, body: { title: 'mine' } })).catch((error) => error);
    assert.ok(stale instanceof ApiError);
    assert.deepEqual({ status: stale.status, current: stale.current }, { status: 412, current });
    assert.deepEqual(ifMatch(stale.current), { 'If-Match': '"1769851800000001"' });
    const missing = await unwrap(client().PUT('/api/tasks/{id}', { params, body: { title: 'mine' } })).catch((error) => error);
    assert.deepEqual({ status: missing.status, current: missing.current }, { status: 404, current: undefined });
  });
});

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
