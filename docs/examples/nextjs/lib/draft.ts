// A task as the fields of a form have it.
import type { LocalTask, NewTask, TaskFields } from 'task-api-client/sync';
import { fromFields, toFields, type DueFields } from './due';
import type { Priority, Task } from 'task-api-client';

export interface Draft extends DueFields {
  title: string;
  description: string;
  priority: Priority;
  /** Separated by commas. */
  tags: string;
}

export const EMPTY: Draft = { title: '', description: '', priority: 'none', tags: '', day: '', time: '' };

export const draftOf = ({ title, description, priority, tags, due_date }: Task): Draft => ({
  title, description: description ?? '', priority, tags: tags.join(', '), ...toFields(due_date),
});

/** Returns the tags of a text. A repeated one is left out. */
export function tagList(text: string): string[] {
  const tags = new Map<string, string>();
  for (const tag of text.split(',').map((tag) => tag.trim()).filter(Boolean)) {
    if (!tags.has(tag.toLowerCase())) tags.set(tag.toLowerCase(), tag);
  }
  return [...tags.values()];
}

export const fieldsOf = (draft: Draft): NewTask => ({
  title: draft.title.trim(),
  description: draft.description.trim() ? draft.description : null,
  priority: draft.priority,
  tags: tagList(draft.tags),
  due_date: fromFields(draft),
});

/** Returns the fields that the person has changed in a form that was opened with this task. */
export function changedFields(opened: LocalTask, draft: Draft): TaskFields {
  const before = draftOf(opened);
  const after = fieldsOf(draft);
  const changed: TaskFields = {};
  if (draft.title !== before.title) changed.title = after.title;
  if (draft.description !== before.description) changed.description = after.description;
  if (draft.priority !== before.priority) changed.priority = after.priority;
  if (draft.tags !== before.tags) changed.tags = after.tags;
  if (draft.day !== before.day || draft.time !== before.time) changed.due_date = after.due_date;
  return changed;
}
