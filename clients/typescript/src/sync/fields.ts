// The fields of tasks: their values, equality, and the writes on top of them.
import type { CreateTask, Task } from '../types.js';
import type { FieldName, TaskFields } from './types.js';

export const FIELDS: readonly FieldName[] = ['title', 'description', 'completed', 'priority', 'tags', 'due_date'];

/** Returns a task with all fields. A server with only the first six operations has no version, priority, tags and due date. */
export const complete = (task: Partial<Task> & Pick<Task, 'id' | 'title'>): Task => ({
  description: null, completed: false, priority: 'none', tags: [], due_date: null, completed_at: null, version: 0,
  created_at: new Date(0).toISOString(), updated_at: new Date(0).toISOString(), ...task,
});

/** Returns the known fields that are not undefined. */
export function pick(fields: TaskFields, names: readonly FieldName[] = FIELDS): TaskFields {
  return Object.fromEntries(names.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

export const without = (fields: TaskFields, names: readonly FieldName[]): TaskFields =>
  pick(fields, FIELDS.filter((name) => !names.includes(name)));

export const namesOf = (fields: TaskFields): FieldName[] => FIELDS.filter((name) => fields[name] !== undefined);

// The server stores an empty date as null.
const valueOf = (fields: TaskFields, name: FieldName) => JSON.stringify(fields[name] === '' && name === 'due_date' ? null : fields[name]);

export const isSame = (a: TaskFields, b: TaskFields, name: FieldName): boolean => valueOf(a, name) === valueOf(b, name);

/** Returns the fields of `names` in which two tasks differ. */
export const differing = (a: TaskFields, b: TaskFields, names: readonly FieldName[]): FieldName[] =>
  names.filter((name) => !isSame(a, b, name));

/** Returns the written fields that others have changed since `base`, to something else. */
export const inConflict = (mine: TaskFields, base: TaskFields, theirs: TaskFields): FieldName[] =>
  differing(base, theirs, namesOf(mine)).filter((name) => !isSame(mine, theirs, name));

/** Returns the task as it will be after a write at this time, in milliseconds since 1970. */
export function withFields(task: Task, fields: TaskFields, at: number): Task {
  const written = pick(fields);
  if (written.completed === undefined || written.completed === task.completed) return { ...task, ...written } as Task;
  return { ...task, ...written, completed_at: written.completed ? new Date(at).toISOString() : null } as Task;
}

/** Returns the body of the POST for a new task. `completed` is no part of it: it is written afterwards. */
export const bodyOfCreate = (fields: TaskFields): CreateTask => without(fields, ['completed']) as CreateTask;
