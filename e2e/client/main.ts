// A small program with a typed client: every operation of the document, in strict TypeScript. What does not fit the document
// does not compile; what the server does not do fails.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema';

type Task = components['schemas']['Task'];

const { API_URL, API_TOKEN } = process.env as { API_URL: string; API_TOKEN: string };
const client = createClient<paths>({ baseUrl: API_URL, headers: { Authorization: `Bearer ${API_TOKEN}` } });

const used = new Set<string>();
client.use({ onRequest: ({ request, schemaPath }) => void used.add(`${request.method} ${schemaPath}`) });

const created = await client.POST('/api/tasks', { body: { title: 'Buy milk', description: 'Two litres' } });
assert.ok(created.data);
assert.equal(created.response.status, 201);
const task: Task = created.data;
const path = { id: task.id };
const description: string | null = task.description;
assert.equal(description, 'Two litres');

const list = await client.GET('/api/tasks', { params: { query: { status: 'pending' } } });
assert.deepEqual(list.data?.map(({ id }) => id), [task.id]);
assert.deepEqual((await client.GET('/api/tasks/{id}', { params: { path } })).data, task);
assert.equal((await client.PUT('/api/tasks/{id}', { params: { path }, body: { description: null } })).data?.description, null);
assert.equal((await client.PATCH('/api/tasks/{id}', { params: { path }, body: { title: 'Buy oat milk' } })).data?.title, 'Buy oat milk');
assert.equal((await client.PATCH('/api/tasks/{id}/complete', { params: { path } })).data?.completed, true);
assert.equal((await client.PATCH('/api/tasks/{id}/complete', { params: { path }, body: { completed: false } })).data?.completed, false);

const invalid = await client.POST('/api/tasks', { body: { title: ' ' } });
const error: components['schemas']['Error'] | undefined = invalid.error;
assert.equal(error?.code, 'invalid_field');

assert.equal((await client.DELETE('/api/tasks/{id}', { params: { path } })).response.status, 204);
assert.equal((await client.GET('/api/tasks/{id}', { params: { path } })).error?.code, 'task_not_found');

const exported = await client.GET('/api/me/export');
assert.deepEqual(exported.data?.tasks, []);
assert.equal(exported.data?.user_id, 'alice');
assert.equal((await client.DELETE('/api/me')).response.status, 204);

// @ts-expect-error A status that does not exist does not compile.
await client.GET('/api/tasks', { params: { query: { status: 'done' } } });
// @ts-expect-error Nor does a task without a title.
await client.POST('/api/tasks', { body: {} });

console.log(JSON.stringify([...used]));
