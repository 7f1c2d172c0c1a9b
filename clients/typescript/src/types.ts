// Short names of the schemas of the OpenAPI document.
import type { components } from './schema.js';

type Schemas = components['schemas'];

export type Task = Schemas['Task'];
export type CreateTask = Schemas['CreateTask'];
export type UpdateTask = Schemas['UpdateTask'];
export type Priority = Schemas['Priority'];
/** A reminder of a task: at an instant, or a time before its due date. */
export type Reminder = NonNullable<Task['reminders']>[number];
export type RecurrencePreview = Schemas['RecurrencePreview'];
export type Summary = Schemas['Summary'];
export type TagCount = Schemas['TagCount'];
/** The body of every error: `detail`, `message`, `code`, and `errors` with status 422. */
export type ErrorBody = Schemas['Error'];
export type ErrorCode = Schemas['ErrorCode'];
export type FieldError = Schemas['FieldError'];
