export { createTaskClient, type TaskClient, type TaskClientOptions } from './client.js';
export { ApiError, unwrap } from './error.js';
export { nextCursor } from './pages.js';
export { querySerializer } from './query.js';
export { ifMatch } from './version.js';
export type { RetryOptions } from './retry.js';
export type { components, operations, paths } from './schema.js';
export type { CreateTask, ErrorBody, ErrorCode, FieldError, Priority, RecurrencePreview, Reminder, Summary, TagCount, Task, UpdateTask } from './types.js';
