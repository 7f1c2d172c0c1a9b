// The rules of the outbox, as functions of its entries. Nothing here waits or sends.
import type { Task } from '../types.js';
import { differing, FIELDS, inConflict, namesOf, pick, without } from './fields.js';
import { inOrder, type Alias, type Change, type Entry } from './storage.js';
import type { FieldName, WriteProblem } from './types.js';
import { uuid } from './wait.js';

/** Returns the server's id of a task, if it is known. */
export type Resolve = (id: number) => number;

const ofTask = (entries: readonly Entry[], id: number, resolve: Resolve) => entries.filter((entry) => resolve(entry.id) === resolve(id));
const isAfter = (a: Entry, b: Entry) => a.at > b.at || (a.at === b.at && a.uid > b.uid);
const queuedAfter = (entries: readonly Entry[], entry: Entry, resolve: Resolve) =>
  ofTask(entries, entry.id, resolve).filter((other) => other.state === 'queued' && isAfter(other, entry));

/** Returns the entry as a new request: with a key of its own, as if it had never been sent. */
export function anew(entry: Entry, changes: Partial<Entry>): Entry {
  const { sent: _sent, after: _after, problem: _problem, conflict: _conflict, ...kept } = entry;
  return { ...kept, key: uuid(), state: 'queued', ...changes };
}

/**
 * Puts a write into the outbox. Writes that were never sent are joined: an edit of a field replaces the one before, a deletion
 * removes a create, and a restore removes a deletion.
 */
export function enqueue(entries: readonly Entry[], next: Entry, resolve: Resolve): Change {
  const own = ofTask(entries, next.id, resolve);
  const last = own.filter(({ state }) => state === 'queued').at(-1);
  const create = own.find(({ kind }) => kind === 'create');
  const isUnsent = last !== undefined && last.sent === undefined;
  if (next.kind === 'update') {
    if (create?.state === 'failed') return { entries: [anew(create, { fields: { ...create.fields, ...next.fields } })] };
    if (isUnsent && last.kind === 'create') return { entries: [{ ...last, fields: { ...last.fields, ...next.fields } }] };
    if (isUnsent && last.kind === 'update') {
      if (last.base?.version === next.base?.version) return { entries: [{ ...last, fields: { ...last.fields, ...next.fields } }] };
      // The user saw the queued values of these fields, and the server's newer values of the others.
      const again = namesOf(last.fields).filter((name) => next.fields[name] !== undefined);
      const others = without(next.fields, again);
      const joined = { ...last, fields: { ...last.fields, ...pick(next.fields, again) } };
      return { entries: namesOf(others).length > 0 ? [joined, { ...next, fields: others }] : [joined] };
    }
  }
  if (next.kind === 'delete') {
    if (create && create.sent === undefined) return { dropped: own.map(({ uid }) => uid) };
    if (create?.state === 'failed') return { dropped: own.map(({ uid }) => uid) };
    // The user has seen the conflicts and refused writes of the task, and deletes it.
    return { dropped: own.filter(({ state }) => state !== 'queued').map(({ uid }) => uid), entries: [next] };
  }
  if (next.kind === 'restore') {
    if (isUnsent && last.kind === 'delete') return { dropped: [last.uid] };
    // The task was never sent, and its create was dropped.
    if (resolve(next.id) < 0 && !create) return { entries: [{ ...next, kind: 'create', base: null }] };
  }
  return { entries: [next] };
}

/** Drops entries and puts writes into the outbox, one after the other. */
export function enqueueAll(entries: readonly Entry[], writes: readonly Entry[], isDropped: (entry: Entry) => boolean, resolve: Resolve): Change {
  const dropped = new Set(entries.filter(isDropped).map(({ uid }) => uid));
  const changed = new Map<string, Entry>();
  for (const next of writes) {
    const now = new Map(entries.map((entry) => [entry.uid, entry]));
    for (const [uid, entry] of changed) now.set(uid, entry);
    for (const uid of dropped) now.delete(uid);
    const change = enqueue([...now.values()].sort(inOrder), next, resolve);
    for (const uid of change.dropped ?? []) {
      dropped.add(uid);
      changed.delete(uid);
    }
    for (const entry of change.entries ?? []) changed.set(entry.uid, entry);
  }
  return { dropped: [...dropped], entries: [...changed.values()] };
}

/**
 * Bases a later write of the same task on the answer to an earlier one, unless others have changed something since that matters
 * to it. `own` are the fields of the earlier write: the user has seen them. Otherwise the base keeps its version, and the server
 * decides.
 */
export function rebase(later: Entry, answered: Task, own: readonly FieldName[]): Entry {
  const { base } = later;
  if (later.kind === 'create' || later.kind === 'restore' || (base && base.version > answered.version && answered.version > 0)) return later;
  if (!base) return { ...later, base: answered };
  const seen: Task = { ...base, ...pick(answered, own) } as Task;
  const foreign = later.kind === 'delete' ? deletionConflicts(seen, answered) : inConflict(later.fields, seen, answered);
  return { ...later, base: foreign.length > 0 ? seen : answered };
}

// A deletion is only worth a question if others have changed the text or the plan, not if they have completed the task.
const deletionConflicts = (base: Task, theirs: Task) => differing(base, theirs, FIELDS.filter((name) => name !== 'completed'));

/** Removes a write that was done. `answered` is the task in the answer, and null after a deletion. */
export function done(entries: readonly Entry[], entry: Entry, answered: Task | null, resolve: Resolve): Change {
  if (!answered) return { dropped: [entry.uid] };
  const later = queuedAfter(entries, entry, resolve);
  const own = entry.kind === 'update' ? namesOf(entry.fields) : FIELDS;
  const rebased: Entry[] = later.filter(({ sent }) => sent === undefined).map((one) => rebase(one, answered, own));
  const change: Change = { dropped: [entry.uid], entries: rebased };
  if (entry.kind !== 'create') return change;
  const alias: Alias = { temporary: entry.id, id: answered.id, task: answered, at: Date.now() };
  // A create takes no `completed`, so it is an update after it.
  const isMissing = entry.fields.completed !== undefined && entry.fields.completed !== answered.completed;
  const completion = anew(entry, { uid: uuid(), kind: 'update', at: entry.at + 0.5, fields: pick(entry.fields, ['completed']), base: answered });
  return { ...change, entries: isMissing ? [...rebased, completion] : rebased, aliases: [alias] };
}

/** Handles 412: either the write goes on from the current task, or it becomes a conflict. */
export function stale(entries: readonly Entry[], entry: Entry, current: Task, named: readonly string[], resolve: Resolve): Change {
  const { base } = entry;
  const again = (fields = entry.fields, from: Task | null = current) => anew(entry, { fields, base: from });
  if (entry.kind === 'delete') {
    if (!base || deletionConflicts(base, current).length === 0) return { entries: [again()] };
    const fields = deletionConflicts(base, current);
    return { entries: [{ ...entry, state: 'conflict', conflict: { fields, theirs: current } }] };
  }
  const fields = base ? inConflict(entry.fields, base, current) : namesOf(entry.fields).filter((name) => named.includes(name));
  if (fields.length === 0) return { entries: [again()] };
  // Later writes of these fields belong to the conflict. The other fields of this write are sent by themselves.
  const change = absorb(queuedAfter(entries, entry, resolve), fields);
  const mine = { ...pick(entry.fields, fields), ...change.absorbed };
  const rest = without(entry.fields, fields);
  const conflict: Entry = { ...entry, fields: mine, state: 'conflict', conflict: { fields, theirs: current } };
  const others = namesOf(rest).length > 0 ? [{ ...again(rest), uid: uuid() }] : [];
  return { dropped: change.dropped, entries: [conflict, ...others, ...change.entries] };
}

function absorb(later: readonly Entry[], fields: readonly FieldName[]) {
  const absorbed = {};
  const entries: Entry[] = [];
  const dropped: string[] = [];
  for (const entry of later) {
    const taken = entry.kind === 'update' ? pick(entry.fields, fields) : {};
    if (namesOf(taken).length === 0) continue;
    Object.assign(absorbed, taken);
    const left = without(entry.fields, fields);
    if (namesOf(left).length > 0) entries.push({ ...entry, fields: left });
    else dropped.push(entry.uid);
  }
  return { absorbed, entries, dropped };
}

/** Handles 404 and 403: the task was deleted elsewhere. An edit becomes a conflict with all later edits. */
export function gone(entries: readonly Entry[], entry: Entry, resolve: Resolve): Change {
  const later = queuedAfter(entries, entry, resolve);
  const deletion = later.find(({ kind }) => kind === 'delete');
  if (deletion) {
    const until = later.filter((other) => !isAfter(other, deletion)).map(({ uid }) => uid);
    return { dropped: [entry.uid, ...until] };
  }
  const edits = later.filter(({ kind }) => kind === 'update');
  const fields = Object.assign({}, entry.fields, ...edits.map((edit) => edit.fields));
  return {
    dropped: edits.map(({ uid }) => uid),
    entries: [{ ...entry, fields, state: 'conflict', conflict: { fields: namesOf(fields), theirs: null } }],
  };
}

/** Handles a refusal that a repetition would not change. */
export const refused = (entry: Entry, problem: WriteProblem): Change => ({ entries: [{ ...entry, state: 'failed', problem }] });

/** Whether a task is the one that an entry has created, judged by its texts, which no server changes. */
export const looksLike = (entry: Entry, task: Task): boolean =>
  task.id > (entry.after ?? Infinity) && entry.fields.title === task.title && (entry.fields.description ?? null) === task.description;
