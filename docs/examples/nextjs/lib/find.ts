// Search, filters and order. They work on the copy in the browser, so they also work offline.
import type { Priority, Task } from 'task-api-client';
import { addDays, dayOf, dueDay, endOf, isOverdue } from './due';

export interface Find {
  search: string;
  status: 'all' | 'pending' | 'completed';
  priority: Priority | '';
  tag: string;
  due: '' | 'overdue' | 'today' | 'week' | 'none';
  sort: 'newest' | 'oldest' | 'due' | 'priority' | 'title' | 'changed';
}

export const EVERYTHING: Find = { search: '', status: 'all', priority: '', tag: '', due: '', sort: 'newest' };

/** Whether a filter or a search hides tasks. */
export const isFiltered = ({ sort: _, ...filters }: Find): boolean =>
  Object.entries(filters).some(([name, value]) => value !== EVERYTHING[name as keyof Find]);

/** Returns a text without case and accents: "creme" finds "Crème". */
const plain = (text: string) => text.normalize('NFD').replace(/\p{Mark}/gu, '').toLowerCase();

const RANK: Record<Priority, number> = { high: 0, medium: 1, low: 2, none: 3 };
const byTitle = new Intl.Collator([], { sensitivity: 'base', numeric: true });
const compare = (a: number | string, b: number | string) => (a < b ? -1 : a > b ? 1 : 0);
const dueTime = ({ due_date }: Task) => (due_date ? endOf(due_date).getTime() : Infinity);

// The tasks of the store are the newest first, and sorting keeps that order among equal ones.
const ORDERS: Record<Find['sort'], ((a: Task, b: Task) => number) | undefined> = {
  newest: undefined,
  oldest: (a, b) => compare(a.created_at, b.created_at),
  due: (a, b) => compare(dueTime(a), dueTime(b)),
  priority: (a, b) => RANK[a.priority] - RANK[b.priority],
  title: (a, b) => byTitle.compare(a.title, b.title),
  changed: (a, b) => compare(b.updated_at, a.updated_at),
};

function isDue({ due_date, completed }: Task, due: Find['due'], now: Date): boolean {
  const today = dayOf(now);
  switch (due) {
    case '': return true;
    case 'none': return due_date === null;
    case 'overdue': return !completed && isOverdue(due_date, now);
    case 'today': return due_date !== null && dueDay(due_date) === today;
    case 'week': return due_date !== null && dueDay(due_date) >= today && dueDay(due_date) < addDays(today, 7);
  }
}

/** Returns the tasks that match, in the chosen order. */
export function find<Item extends Task>(tasks: readonly Item[], { search, status, priority, tag, due, sort }: Find, now: Date): Item[] {
  const words = plain(search).split(/\s+/).filter(Boolean);
  const found = tasks.filter((task) => {
    if (status !== 'all' && task.completed !== (status === 'completed')) return false;
    if (priority && task.priority !== priority) return false;
    if (tag && !task.tags.some((own) => own.toLowerCase() === tag.toLowerCase())) return false;
    if (!isDue(task, due, now)) return false;
    const text = words.length > 0 ? plain([task.title, task.description ?? '', ...task.tags].join('\n')) : '';
    return words.every((word) => text.includes(word));
  });
  const order = ORDERS[sort];
  return order ? found.sort(order) : found;
}

export interface Counts {
  all: number;
  pending: number;
  completed: number;
  overdue: number;
}

export function count(tasks: readonly Task[], now: Date): Counts {
  const completed = tasks.filter((task) => task.completed).length;
  const overdue = tasks.filter((task) => !task.completed && isOverdue(task.due_date, now)).length;
  return { all: tasks.length, pending: tasks.length - completed, completed, overdue };
}

/** Returns the tags of all tasks in alphabetical order. Case does not make a difference. */
export function tagsOf(tasks: readonly Task[]): string[] {
  const tags = new Map<string, string>();
  for (const tag of tasks.flatMap((task) => task.tags)) if (!tags.has(tag.toLowerCase())) tags.set(tag.toLowerCase(), tag);
  return [...tags.values()].sort(byTitle.compare);
}
