// The values of fields as texts for people, and the union of two of them.
import type { FieldName, TaskFields } from 'task-api-client/sync';
import { describe } from './due';

export const FIELD_NAMES: Record<FieldName, string> = {
  title: 'Title', description: 'Description', completed: 'Done', priority: 'Priority', tags: 'Tags', due_date: 'Due date',
};

export function textOf(fields: TaskFields, name: FieldName, now: Date): string {
  switch (name) {
    case 'completed': return fields.completed ? 'Done' : 'To do';
    case 'tags': return fields.tags?.join(', ') || 'No tags';
    case 'due_date': return fields.due_date ? describe(fields.due_date, now) : 'No date';
    case 'priority': return fields.priority ?? 'none';
    default: return fields[name] || 'Empty';
  }
}

/** The fields in which two values can become one. */
export type TextName = 'title' | 'description' | 'tags';
export const isText = (name: FieldName): name is TextName => name === 'title' || name === 'description' || name === 'tags';

/** Returns a text that has both values. */
export function both(mine: TaskFields, theirs: TaskFields, name: TextName): string {
  if (name === 'tags') return [...new Set([...(mine.tags ?? []), ...(theirs.tags ?? [])])].join(', ');
  return [mine[name], theirs[name]].filter(Boolean).join(name === 'title' ? ' / ' : '\n\n');
}
