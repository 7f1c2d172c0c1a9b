// A task server in memory, for one user: versions, If-Match, merge=auto, Idempotency-Key, the feed, events and the trash. Each
// part can be missing, so that the store is tested with servers that do not have it.
import { once } from 'node:events';
import { createServer } from 'node:http';

const FIELDS = ['title', 'description', 'completed', 'priority', 'tags', 'due_date'];
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class TaskServer {
  /** `plain`: only the first six operations, without versions. */
  constructor({ plain = false, events = true, trash = true } = {}) {
    Object.assign(this, { plain, events, trash });
    this.tasks = new Map();
    this.deleted = new Map();
    this.changes = [];
    this.keys = new Map();
    this.begin = 0;
    this.clock = 0;
    this.lastId = 0;
    this.streams = new Set();
    /** All requests: `method`, `path`, `headers`, `body`, `status`. */
    this.requests = [];
    /**
     * Is called with each request before it is done. Returns an answer, `'lose'` (do it and break the connection), or nothing.
     */
    this.intercept = () => undefined;
    this.tokens = new Set(['token']);
    this.port = 0;
  }

  async start() {
    this.server = createServer((request, response) => void this.handle(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async stop() {
    this.streams.clear();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  sent(method, pattern = /./) {
    return this.requests.filter((request) => request.method === method && pattern.test(request.path));
  }

  list() {
    return [...this.tasks.values()].sort((a, b) => b.id - a.id);
  }

  find(title) {
    return this.list().find((task) => task.title === title);
  }

  /** Writes as another device of the user. */
  create(fields) {
    this.lastId += 1;
    const task = { id: this.lastId, title: '', description: null, completed: false, created_at: new Date().toISOString() };
    if (!this.plain) Object.assign(task, { priority: 'none', tags: [], due_date: null, completed_at: null });
    return this.store({ ...task, ...fields });
  }

  update(id, fields) {
    return this.store({ ...this.tasks.get(id), ...fields });
  }

  remove(id) {
    const task = this.tasks.get(id);
    this.tasks.delete(id);
    this.deleted.set(id, task);
    this.log({ type: 'deleted', id, version: this.next() }, task);
  }

  restore(id) {
    const task = this.deleted.get(id);
    this.deleted.delete(id);
    return this.store(task);
  }

  store(task) {
    const before = this.tasks.get(task.id);
    const version = this.next();
    const written = { ...task, updated_at: new Date(version / 1000).toISOString(), ...(!this.plain && { version }) };
    this.tasks.set(task.id, written);
    this.log({ type: 'changed', task: written }, before, version);
    return written;
  }

  next() {
    this.clock = Math.max(this.clock + 1, Date.now() * 1000);
    return this.clock;
  }

  log(change, before, at = change.version) {
    if (!this.begin) this.begin = at - 1;
    this.changes.push({ at, id: change.reminder ? `reminder ${at}` : change.id ?? change.task.id, change, before });
    for (const stream of this.streams) this.sendEvent(stream, at, change);
  }

  /** Returns the last change of each task after a number. */
  since(number) {
    const last = new Map(this.changes.map((entry) => [entry.id, entry]));
    return [...last.values()].filter(({ at }) => at > number).sort((a, b) => a.at - b.at);
  }

  sendEvent(stream, at, change) {
    stream.write(`event: ${change.reminder ? 'reminder' : 'change'}\r\nid: ${at}\r\ndata: ${JSON.stringify(change)}\r\n\r\n`);
  }

  /** Ends all streams with this event. */
  endStreams(event, data) {
    for (const stream of this.streams) stream.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    this.streams.clear();
  }

  async handle(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const entry = { method: request.method, path: request.url, headers: request.headers, body: text ? JSON.parse(text) : undefined };
    this.requests.push(entry);
    let answer = await this.intercept(entry, this);
    const isLost = answer === 'lose';
    if (!answer || isLost) {
      const token = request.headers.authorization?.replace('Bearer ', '');
      answer = this.tokens.has(token) ? this.answer(entry, response) : problem(401, 'token_expired');
    }
    if (!answer) return; // a stream
    entry.status = answer.status;
    if (isLost || answer.status === 0) return request.socket.destroy();
    response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }

  answer(entry, response) {
    const { method } = entry;
    const { pathname, searchParams } = new URL(entry.path, 'http://localhost');
    const [, , , id, action] = pathname.split('/');
    if (id === 'changes' && !this.plain) return this.feed(Number(searchParams.get('since')));
    if (id === 'events' && !this.plain && this.events) return this.stream(Number(searchParams.get('since')), response);
    if (id === undefined) return method === 'GET' ? this.whole() : this.withKey(entry, () => tagged(201, this.create(entry.body)));
    if (!/^\d+$/.test(id)) return problem(422, 'invalid_parameter');
    return this.withKey(entry, () => this.one(entry, Number(id), action));
  }

  whole() {
    return { status: 200, body: this.list(), headers: this.plain ? {} : { ETag: `"${this.clock}"` } };
  }

  feed(since) {
    if (since < this.begin || since > this.clock) return problem(410, 'resync');
    const all = this.since(since);
    const page = all.slice(0, 2);
    const has_more = all.length > page.length;
    return { status: 200, body: { changes: page.map(({ change }) => change), state: has_more ? page.at(-1).at : this.clock, has_more } };
  }

  stream(since, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`retry: 20\nevent: state\nid: ${since}\ndata: {"state": ${since}}\n\n:\n\n`);
    if (since < this.begin || since > this.clock) return void response.end('event: resync\ndata: {}\n\n');
    for (const { at, change } of this.since(since)) this.sendEvent(response, at, change);
    this.streams.add(response);
    response.once('close', () => this.streams.delete(response));
  }

  withKey(entry, act) {
    const key = entry.headers['idempotency-key'];
    if (!key || this.plain || entry.method === 'GET') return act();
    const fingerprint = JSON.stringify([entry.method, entry.path, entry.body, entry.headers['if-match']]);
    const known = this.keys.get(key);
    if (known) return known.fingerprint === fingerprint ? known.answer : problem(422, 'idempotency_key_reused');
    const before = this.clock;
    const answer = act();
    if (this.clock > before) this.keys.set(key, { fingerprint, answer });
    return answer;
  }

  one({ method, headers, body }, id, action) {
    if (action === 'restore') {
      if (!this.trash || this.plain) return problem(404, 'route_not_found');
      if (!this.deleted.has(id)) return problem(404, 'task_not_found');
      return tagged(200, this.restore(id));
    }
    const task = this.tasks.get(id);
    if (!task) return problem(404, 'task_not_found');
    if (method === 'GET') return tagged(200, task);
    if (action === 'complete') return tagged(200, this.update(id, { completed: !task.completed }));
    if (method === 'PATCH' && this.plain) return problem(405, 'method_not_allowed');
    const match = headers['if-match']?.replaceAll('"', '');
    const isStale = match && !this.plain && Number(match) !== task.version;
    if (method === 'DELETE') {
      if (isStale) return { ...problem(412, 'precondition_failed', { current: task }) };
      this.remove(id);
      return { status: 204 };
    }
    if (body.title !== undefined && !body.title.trim()) return problem(422, 'invalid_field', { errors: [{ field: 'title', code: 'blank', detail: 'title must not be blank' }] });
    if (isStale) {
      const base = this.changes.find((change) => change.id === id && change.at > Number(match))?.before;
      const conflicts = Object.keys(body).filter((name) => !same(task[name], base?.[name]) && !same(task[name], body[name]));
      if (headers.prefer !== 'merge=auto' || !base || conflicts.length > 0) return problem(412, 'precondition_failed', { current: task, ...(base && { conflicts }) });
    }
    return tagged(200, this.update(id, Object.fromEntries(Object.entries(body).filter(([name]) => FIELDS.includes(name)))));
  }
}

const tagged = (status, task) => ({ status, body: task, headers: task.version ? { ETag: `"${task.version}"` } : {} });

export const problem = (status, code, more) =>
  ({ status, body: { detail: `The sentence of ${code}`, message: `The sentence of ${code}`, code, ...more } });
