// A small program with the packed client that uses every operation of the OpenAPI document, in strict TypeScript. It does not compile if a
// call does not match the document, and fails if the server does not behave as documented.
import assert from 'node:assert/strict';
import { ApiError, createTaskClient, ifMatch, nextCursor, unwrap, type ErrorBody, type RecurrencePreview, type Reminder, type Summary, type Task } from 'task-api-client';

const { API_URL, API_TOKEN } = process.env as { API_URL: string; API_TOKEN: string };
const client = createTaskClient({ baseUrl: API_URL, token: async () => API_TOKEN });

const used = new Set<string>();
client.use({ onRequest: ({ request, schemaPath }) => void used.add(`${request.method} ${schemaPath}`) });

const created = await client.POST('/api/tasks', {
  body: { title: 'Buy milk', description: 'Two litres', priority: 'high', tags: ['Shopping', 'a, b'], due_date: '2026-01-31' },
});
assert.ok(created.data);
assert.equal(created.response.status, 201);
const task: Task = created.data;
const path = { id: task.id };
const description: string | null = task.description;
assert.equal(description, 'Two litres');
const { priority, tags, due_date, completed_at } = task;
assert.deepEqual({ priority, tags, due_date, completed_at },
  { priority: 'high', tags: ['Shopping', 'a, b'], due_date: '2026-01-31', completed_at: null });

const list = await client.GET('/api/tasks', { params: { query: { status: 'pending' } } });
assert.deepEqual(list.data?.map(({ id }) => id), [task.id]);
assert.deepEqual((await client.GET('/api/tasks/{id}', { params: { path } })).data, task);
assert.equal((await client.PUT('/api/tasks/{id}', { params: { path }, body: { description: null } })).data?.description, null);
assert.equal((await client.PUT('/api/tasks/{id}', { params: { path }, body: { due_date: null } })).data?.due_date, null);
assert.equal((await client.PATCH('/api/tasks/{id}', { params: { path }, body: { title: 'Buy oat milk' } })).data?.title, 'Buy oat milk');
assert.equal((await client.PATCH('/api/tasks/{id}/complete', { params: { path } })).data?.completed, true);
assert.match((await client.GET('/api/tasks/{id}', { params: { path } })).data?.completed_at ?? '', /Z$/);
assert.equal((await client.PATCH('/api/tasks/{id}/complete', { params: { path }, body: { completed: false } })).data?.completed, false);

// A write with the version that the client has is done. One with an older version is not, and its error has the current task.
const known: Task = await unwrap(client.GET('/api/tasks/{id}', { params: { path } }));
const edit = (version: Task, title: string) =>
  unwrap(client.PATCH('/api/tasks/{id}', { params: { path, header: ifMatch(version) }, body: { title } }));
const renamed = await edit(known, 'Buy soy milk');
assert.ok(renamed.version > known.version);
const stale: unknown = await edit(known, 'Buy rice milk').catch((error: unknown) => error);
assert.ok(stale instanceof ApiError);
assert.equal(stale.code, 'precondition_failed');
assert.deepEqual(stale.current, renamed);
assert.ok(stale.current);
assert.equal((await edit(stale.current, 'Buy oat milk')).title, 'Buy oat milk');
// The tag of a list is known until a task is written.
const listed = await client.GET('/api/tasks');
const unchanged = { 'If-None-Match': listed.response.headers.get('ETag') ?? '' };
assert.equal((await client.GET('/api/tasks', { params: { header: unchanged } })).response.status, 304);

// A recurring task has reminders, and its completion creates the next occurrence.
const weekly: Task = await unwrap(client.POST('/api/tasks', {
  body: {
    title: 'Water the plants', due_date: '2099-01-05', recurrence: 'weekly', time_zone: 'Europe/Berlin',
    recurrence_from: 'due', missed: 'keep', reminders: [{ before: 'PT15M' }, { at: '2099-01-01T09:00:00Z' }],
  },
}));
assert.deepEqual([weekly.recurrence, weekly.occurrence, weekly.missed], ['FREQ=WEEKLY', '2099-01-05', 'keep']);
const watered: Task = await unwrap(client.PATCH('/api/tasks/{id}/complete', { params: { path: { id: weekly.id } } }));
assert.ok(watered.next_id);
const next: Task = await unwrap(client.GET('/api/tasks/{id}', { params: { path: { id: watered.next_id } } }));
const carried: Reminder[] = [{ before: 'PT15M' }];
assert.deepEqual([next.due_date, next.series_id, next.reminders], ['2099-01-12', weekly.series_id, carried]);
const occurrences = await client.GET('/api/tasks/{id}/occurrences', { params: { path: { id: next.id }, query: { limit: 10 } } });
assert.deepEqual(occurrences.data?.map(({ occurrence }) => occurrence), ['2099-01-05']);
const putOff = await unwrap(client.POST('/api/tasks/{id}/reminders/{n}/snooze', { params: { path: { id: next.id, n: 1 } }, body: { minutes: 10 } }));
assert.deepEqual([putOff.id, putOff.n, Date.parse(putOff.at) > Date.now()], [next.id, 1, true]);
const series = { path: { id: next.id }, query: { series: true } };
assert.equal((await client.DELETE('/api/tasks/{id}', { params: series })).response.status, 204);
assert.equal((await client.DELETE('/api/tasks/{id}', { params: { path: { id: weekly.id } } })).response.status, 204);
assert.equal((await client.DELETE('/api/tasks/trash')).data?.count, 2);

const invalid = await client.POST('/api/tasks', { body: { title: ' ' } });
const error: ErrorBody | undefined = invalid.error;
assert.equal(error?.code, 'invalid_field');
assert.deepEqual(error?.errors, [{ field: 'title', code: 'blank', detail: 'title must not be blank' }]);
const refused: unknown = await unwrap(client.POST('/api/tasks', { body: { title: ' ' } })).catch((error: unknown) => error);
assert.ok(refused instanceof ApiError);
assert.equal(refused.message, 'title must not be blank');

for (const title of ['Crème brûlée', 'Ice cream', 'Crème fraîche'])
  await client.POST('/api/tasks', { body: { title, priority: 'low', tags: ['shopping'], due_date: '2020-01-31T09:30:00+01:00' } });
const found = await client.GET('/api/tasks', {
  params: {
    query: {
      status: 'pending', priority: ['medium', 'low'], tag: ['SHOPPING'], search: 'CREME', sort: ['-priority', 'title'],
      due: 'overdue', due_before: '2020-02-01', due_after: '2020-01-31T08:00:00Z', tz: 'Europe/Berlin',
    },
  },
});
assert.deepEqual(found.data?.map(({ title }) => title), ['Crème brûlée', 'Crème fraîche']);
const both = await client.GET('/api/tasks', { params: { query: { tag: ['shopping', 'A, B'], sort_by: 'due_date', order: 'desc' } } });
assert.deepEqual(both.data?.map(({ id }) => id), [task.id]);

// Reads all pages.
const all: Task[] = [];
let cursor: string | undefined;
do {
  const query = { limit: 3, ...(cursor && { cursor }) };
  const page = await client.GET('/api/tasks', { params: { query: { sort: ['title'], ...query }, header: { Prefer: 'count=exact' } } });
  assert.ok(page.data);
  assert.equal(page.response.headers.get('x-total-count'), '4');
  all.push(...page.data);
  cursor = nextCursor(page.response);
} while (cursor);
assert.deepEqual(all.map(({ title }) => title), ['Buy oat milk', 'Crème brûlée', 'Crème fraîche', 'Ice cream']);

const summary: Summary = await unwrap(client.GET('/api/tasks/summary', { params: { query: { tz: 'Europe/Berlin' } } }));
const { by_tag, ...counts } = summary;
assert.deepEqual(counts, { all: 4, pending: 4, completed: 0, overdue: 3, due_today: 0, by_priority: { none: 0, low: 3, medium: 0, high: 1 } });
assert.deepEqual(by_tag, [{ name: 'a, b', count: 1 }, { name: 'shopping', count: 4 }]);
const tagList = await client.GET('/api/tags');
assert.deepEqual(tagList.data, by_tag);
const preview: RecurrencePreview = await unwrap(client.POST('/api/recurrence/preview', {
  body: { recurrence: 'weekly', due_date: '2026-03-22T02:30', time_zone: 'Europe/Berlin', count: 3 },
}));
assert.equal(preview.recurrence, 'FREQ=WEEKLY');
assert.deepEqual(preview.occurrences.map(({ due_date, shifted }) => [due_date, shifted]), [
  ['2026-03-22T02:30', undefined], ['2026-03-29T03:30', 'gap'], ['2026-04-05T02:30', undefined],
]);
const since = Number(tagList.response.headers.get('etag')?.replaceAll('"', ''));

assert.equal((await client.DELETE('/api/tasks/{id}', { params: { path } })).response.status, 204);
assert.equal((await client.POST('/api/tasks/complete-all')).data?.count, 3);
assert.equal((await client.DELETE('/api/tasks', { params: { query: { status: 'completed' } } })).data?.count, 3);
assert.equal((await client.GET('/api/tasks/{id}', { params: { path } })).error?.code, 'task_not_found');
const feed = await client.GET('/api/tasks/changes', { params: { query: { since } } });
assert.deepEqual(feed.data?.changes.map(({ type }) => type), ['deleted', 'deleted', 'deleted', 'deleted']);
assert.ok(feed.data && feed.data.state > since && !feed.data.has_more);

// A deleted task can be restored, until the trash is emptied.
const trash = await client.GET('/api/tasks/trash', { params: { query: { limit: 3 } } });
assert.deepEqual(trash.data?.map(({ title }) => title), ['Crème brûlée', 'Ice cream', 'Crème fraîche']);
assert.match(trash.data?.[0]?.deleted_at ?? '', /Z$/);
const rest = await client.GET('/api/tasks/trash', { params: { query: { cursor: nextCursor(trash.response) ?? '' } } });
assert.deepEqual(rest.data?.map(({ id }) => id), [task.id]);
const restored = await unwrap(client.POST('/api/tasks/{id}/restore', { params: { path } }));
assert.ok(restored.id === task.id && restored.created_at === task.created_at && restored.version > task.version);
const history = await client.GET('/api/tasks/{id}/history', { params: { path, query: { limit: 3 } } });
assert.deepEqual(history.data?.map(({ kind }) => kind), ['restored', 'deleted', 'changed']);
assert.deepEqual(history.data?.[2]?.fields, { title: { from: 'Buy soy milk', to: 'Buy oat milk' } });
assert.equal((await client.DELETE('/api/tasks/trash')).data?.count, 3);
assert.equal((await client.DELETE('/api/tasks/{id}', { params: { path } })).response.status, 204);
// The stream ends at once, because this state is not known.
const events = await client.GET('/api/tasks/events', { params: { query: { since: 1 } }, parseAs: 'text' });
assert.match(events.data ?? '', /^retry: \d+\nevent: state\nid: 1\ndata: \{"state":1\}\n\nevent: resync\n/);

const exported = await client.GET('/api/me/export');
assert.deepEqual(exported.data?.tasks, []);
assert.deepEqual(exported.data?.trash.map(({ id }) => id), [task.id]);
assert.equal(exported.data?.user_id, 'alice');
assert.equal((await client.DELETE('/api/me')).response.status, 204);

// @ts-expect-error An unknown status does not compile.
await client.GET('/api/tasks', { params: { query: { status: 'done' } } });
// @ts-expect-error An unknown sort key does not compile.
await client.GET('/api/tasks', { params: { query: { sort: ['-size'] } } });
// @ts-expect-error An unknown priority does not compile.
await client.POST('/api/tasks', { body: { title: 'Buy milk', priority: 'urgent' } });
// @ts-expect-error A task without a title does not compile.
await client.POST('/api/tasks', { body: {} });

// @ts-expect-error The data that unwrap returns have the type of the answer.
const wrong: Summary = await unwrap(client.GET('/api/tasks'));
assert.ok(wrong);

console.log(JSON.stringify([...used]));
