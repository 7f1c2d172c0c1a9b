// Due dates: a day in the person's time zone, or an instant.

/** A due date as the fields of a form have it. */
export interface DueFields {
  /** `2026-01-31`, or empty. */
  day: string;
  /** `10:00`, or empty. */
  time: string;
}

const two = (number: number) => String(number).padStart(2, '0');

/** Returns the day in the person's time zone, such as `2026-01-31`. */
export const dayOf = (date: Date): string => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

const isDay = (due: string) => due.length === 10;

/** Returns the time of midnight in the person's time zone. */
const midnight = (day: string) => new Date(`${day}T00:00`);

export function addDays(day: string, days: number): string {
  const date = midnight(day);
  date.setDate(date.getDate() + days);
  return dayOf(date);
}

export function toFields(due: string | null): DueFields {
  if (!due) return { day: '', time: '' };
  if (isDay(due)) return { day: due, time: '' };
  const date = new Date(due);
  return { day: dayOf(date), time: `${two(date.getHours())}:${two(date.getMinutes())}` };
}

/** Returns the due date for the Task API. A time without a day is today's. */
export function fromFields({ day, time }: DueFields): string | null {
  if (!time) return day || null;
  return new Date(`${day || dayOf(new Date())}T${time}`).toISOString();
}

/** Returns the instant at which a task becomes overdue. A day ends when the next one begins. */
export const endOf = (due: string): Date => (isDay(due) ? midnight(addDays(due, 1)) : new Date(due));

/** Returns the day on which a task is due, in the person's time zone. */
export const dueDay = (due: string): string => (isDay(due) ? due : dayOf(new Date(due)));

export const isOverdue = (due: string | null, now: Date): boolean => due !== null && endOf(due) <= now;

/** Returns a due date for people: `Today`, `Tomorrow, 10:00`, `31 Jan 2027`. */
export function describe(due: string, now: Date): string {
  const day = dueDay(due);
  const today = dayOf(now);
  const isSameYear = day.slice(0, 4) === today.slice(0, 4);
  const date = midnight(day).toLocaleDateString([], { day: 'numeric', month: 'short', ...(!isSameYear && { year: 'numeric' }) });
  const names: Record<string, string> = { [addDays(today, -1)]: 'Yesterday', [today]: 'Today', [addDays(today, 1)]: 'Tomorrow' };
  const time = isDay(due) ? '' : `, ${new Date(due).toLocaleTimeString([], { timeStyle: 'short' })}`;
  return (names[day] ?? date) + time;
}
