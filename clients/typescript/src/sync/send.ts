// One write of the outbox as a request, and what its answer means for the outbox and the copy.
import type { Task } from '../types.js';
import type { Feed } from './feed.js';
import { bodyOfCreate, complete, FIELDS, namesOf, pick, without } from './fields.js';
import { anew, done, gone, refused, stale } from './outbox.js';
import type { Replica } from './replica.js';
import type { Change, Entry } from './storage.js';
import { Refused, type Transport } from './transport.js';

/** Makes the change that follows from an answer, with the outbox as it is then. */
export type Plan = (entries: Entry[]) => Change;

// The server keeps keys for at least 24 hours. A create that is sent again later could create a second task.
const KEY_LIFETIME = 23 * 3_600_000;
// 500 is a defect of the server. A repetition seldom helps.
const ATTEMPTS_AT_500 = 8;

export class Sender {
  constructor(
    private readonly transport: Transport,
    private readonly replica: Replica,
    private readonly feed: Feed,
    private readonly signal: AbortSignal,
  ) {}

  /** Sends a write. Throws `Unreachable`, `SignedOut`, and `Refused` if it should be sent again later. */
  async send(entry: Entry, attempts: number, isRepeated: boolean): Promise<Plan> {
    try {
      return await this.request(entry, isRepeated);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.refusal(entry, error, attempts);
    }
  }

  private async request(entry: Entry, isRepeated: boolean): Promise<Plan> {
    const id = this.replica.resolve(entry.id);
    const path = `/api/tasks/${id}`;
    switch (entry.kind) {
      case 'create': {
        const adopted = isRepeated ? await this.adopted(entry) : undefined;
        return this.answered(entry, adopted ?? await this.call('POST', '/api/tasks', entry, bodyOfCreate(entry.fields)));
      }
      case 'update':
        return this.answered(entry, this.isPlain ? await this.plainUpdate(entry, path) : await this.call('PATCH', path, entry, entry.fields));
      case 'delete':
        await this.call('DELETE', path, entry);
        return this.deleted(entry, id);
      case 'restore':
        return this.answered(entry, await this.call('POST', `${path}/restore`, entry));
    }
  }

  private get isPlain(): boolean {
    return this.replica.state === 'plain';
  }

  // A server without versions may refuse the headers in its CORS rules, so it gets none.
  private async call(method: string, path: string, entry: Entry, body?: unknown): Promise<Task> {
    const version = entry.kind === 'update' || entry.kind === 'delete' ? entry.base?.version : undefined;
    const headers: Record<string, string> = this.isPlain ? {} : {
      'Idempotency-Key': `"${entry.key}"`,
      ...(version && { 'If-Match': `"${version}"` }),
      ...(entry.kind === 'update' && { Prefer: 'merge=auto' }),
    };
    const { data } = await this.transport.call<Task>(method, path, { body, headers, signal: this.signal });
    return data;
  }

  // A server with only the first six operations has no partial update, and flips `completed`. So the current task is read first.
  private async plainUpdate(entry: Entry, path: string): Promise<Task> {
    const current = async () => complete((await this.transport.call<Task>('GET', path, { signal: this.signal })).data);
    const rest = without(entry.fields, ['completed']);
    let task = await current();
    if (namesOf(rest).length > 0) {
      const body = { title: task.title, description: task.description, ...rest };
      await this.transport.call('PUT', path, { body, signal: this.signal });
      task = await current();
    }
    const { completed } = entry.fields;
    for (let attempt = 0; completed !== undefined && task.completed !== completed && attempt < 2; attempt += 1) {
      await this.transport.call('PATCH', `${path}/complete`, { body: { completed }, signal: this.signal });
      task = await current();
    }
    return task;
  }

  // Finds the task of a create that may have been done already, if the server would not recognize its key.
  private async adopted(entry: Entry): Promise<Task | undefined> {
    if (entry.sent === undefined || (!this.isPlain && Date.now() - entry.sent < KEY_LIFETIME)) return undefined;
    await this.feed.list();
    return this.replica.createdBy(entry);
  }

  private answered(entry: Entry, answer: Task): Plan {
    const task = complete(answer);
    return (entries) => ({ ...done(entries, entry, task, this.replica.resolve), ...this.feed.answer(task) });
  }

  private deleted(entry: Entry, id: number): Plan {
    return (entries) => ({ ...done(entries, entry, null, this.replica.resolve), ...this.feed.deletion(id, entry.base?.version || undefined) });
  }

  private refusal(entry: Entry, error: Refused, attempts: number): Plan {
    const { status, body } = error;
    const { resolve } = this.replica;
    const id = resolve(entry.id);
    const isGone = status === 404 || status === 410 || (status === 403 && entry.kind !== 'create');
    if (isGone && entry.kind === 'delete') return this.deleted(entry, id);
    if ((isGone || status === 405 || status === 422) && entry.kind === 'restore') return () => ({ entries: [recreated(entry)] });
    if (isGone && entry.kind === 'update') return (entries) => ({ ...gone(entries, entry, resolve), ...this.feed.deletion(id, undefined) });
    if (status === 412 && body?.current) {
      const current = complete(body.current);
      return (entries) => ({ ...stale(entries, entry, current, body.conflicts ?? [], resolve), ...this.feed.answer(current) });
    }
    const isTransient = status >= 501 || status === 408 || status === 412 || status === 425 || status === 429;
    if (isTransient || (status === 500 && attempts < ATTEMPTS_AT_500)) throw error;
    const problem = { status, code: body?.code, detail: error.message, errors: body?.errors ?? [] };
    return () => refused(entry, problem);
  }
}

// The task is no longer in the trash, or there is none: it is created again, and its old id stands for the new one.
const recreated = (entry: Entry): Entry => anew(entry, { kind: 'create', base: null, fields: pick(entry.fields, FIELDS) });
