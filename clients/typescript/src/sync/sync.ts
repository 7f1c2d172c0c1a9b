// The synchronization in the leading tab: it follows the server, and sends the outbox.
import { readEvents } from './events.js';
import { Feed } from './feed.js';
import type { Replica } from './replica.js';
import { Sender } from './send.js';
import type { Entry } from './storage.js';
import { Refused, SignedOut, Unreachable, type Transport } from './transport.js';
import { Alarm, backOff } from './wait.js';

export type Connection = 'connecting' | 'live' | 'online' | 'offline' | 'signed-out';

const AT_ONCE = 4;
// The server sends a byte every 15 seconds.
const QUIET = 20_000;
// After a refusal of another listener (429, 503), changes are fetched from time to time, and events are tried again later.
const WITHOUT_EVENTS = 60_000;

export class Sync {
  connection: Connection = 'connecting';

  private readonly feed: Feed;
  private readonly sender: Sender;
  private readonly alarm = new Alarm();
  private readonly stopped = new AbortController();
  private stream: AbortController | undefined;
  /** When to try events next, in milliseconds since 1970. */
  private eventsAt = 0;
  /** Whether the last attempt to fetch changes succeeded. Otherwise nothing is sent. */
  private isReachable = false;
  private heardAt = 0;
  private readonly inFlight = new Map<string, number>();
  private readonly sending = new Set<Promise<void>>();
  private readonly attempts = new Map<string, number>();
  private readonly notBefore = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly replica: Replica,
    private readonly pollSeconds: number,
    private readonly connected: (connection: Connection) => void,
  ) {
    this.feed = new Feed(transport, replica);
    this.sender = new Sender(transport, replica, this.feed, this.stopped.signal);
  }

  /** Follows the server until `stop`. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.isStopped) {
      let wait: number;
      try {
        await this.feed.pull(this.stopped.signal);
        failures = 0;
        this.reached();
        wait = await this.follow();
      } catch (error) {
        if (this.isStopped) break;
        failures += 1;
        wait = this.failed(error, failures);
      }
      if (!this.isStopped) await this.alarm.wait(wait);
    }
    await Promise.all(this.sending);
  }

  stop(): void {
    this.stopped.abort();
    this.alarm.wake();
    clearTimeout(this.timer);
  }

  /** Connects at once, for example when the device is online again or the page is shown again. */
  refresh(): void {
    if (this.connection === 'signed-out') this.transport.forgetToken();
    this.notBefore.clear();
    if (!this.stream) this.alarm.wake();
    // The connection may have died while the device was asleep.
    else if (Date.now() - this.heardAt > QUIET) this.stream.abort();
    this.pump();
  }

  /** The device has lost its network. */
  disconnect(): void {
    this.isReachable = false;
    this.setConnection('offline');
    this.stream?.abort();
  }

  private get isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  // Listens to events. Returns the time until the next connection.
  private async follow(): Promise<number> {
    const { state } = this.replica;
    if (!this.feed.canFollow || typeof state !== 'number' || Date.now() < this.eventsAt) {
      this.setConnection('online');
      return this.pollSeconds * 1000 * (0.9 + Math.random() / 5);
    }
    const stream = new AbortController();
    this.stream = stream;
    const stop = () => stream.abort();
    this.stopped.signal.addEventListener('abort', stop);
    try {
      const end = await readEvents(this.transport, state, {
        opened: () => this.setConnection('live'),
        heard: () => (this.heardAt = Date.now()),
        changes: (changes, state) => this.feed.apply(changes, state),
      }, stream.signal);
      if (end === 'unsupported') {
        this.eventsAt = Infinity;
        return 0;
      }
      if (end === 'resync') {
        await this.feed.list(this.stopped.signal);
        return 0;
      }
      if (!end.isTokenExpired) return end.wait;
      this.transport.forgetToken();
      return 0;
    } catch (error) {
      if (stream.signal.aborted && this.connection !== 'offline') return 0; // it was ended here, to connect again
      if (!(error instanceof Refused) || (error.status !== 429 && error.status !== 503)) throw error;
      this.eventsAt = Date.now() + Math.max(error.wait ?? 0, WITHOUT_EVENTS);
      return 0;
    } finally {
      this.stopped.signal.removeEventListener('abort', stop);
      this.stream = undefined;
    }
  }

  private failed(error: unknown, failures: number): number {
    this.isReachable = false;
    this.setConnection(error instanceof SignedOut ? 'signed-out' : 'offline');
    if (error instanceof SignedOut) return 60_000;
    return Math.max((error instanceof Refused && error.wait) || 0, Math.min(30_000, backOff(failures)));
  }

  private reached(): void {
    if (this.isReachable) return;
    this.isReachable = true;
    this.notBefore.clear();
    this.pump();
  }

  private setConnection(connection: Connection): void {
    if (this.connection === connection) return;
    this.connection = connection;
    this.connected(connection);
  }

  /** Sends what can be sent: the first write of each task, and one create at a time, so that creates keep their order. */
  pump(): void {
    if (this.isStopped || !this.isReachable || this.replica.state === null) return;
    clearTimeout(this.timer);
    const now = Date.now();
    const busy = new Set<number>(this.inFlight.values());
    let isCreating = [...this.inFlight.keys()].some((uid) => this.replica.entries.get(uid)?.kind === 'create');
    let next = Infinity;
    for (const entry of this.replica.queue()) {
      if (this.inFlight.size >= AT_ONCE) break;
      const id = this.replica.resolve(entry.id);
      if (busy.has(id)) continue;
      busy.add(id);
      const isCreate = entry.kind === 'create';
      if (isCreate ? isCreating : id < 0) continue; // a task whose create was refused waits for the user
      isCreating ||= isCreate;
      const notBefore = this.notBefore.get(entry.uid) ?? 0;
      if (notBefore > now) next = Math.min(next, notBefore);
      else {
        const sending: Promise<void> = this.send(entry.uid, id).finally(() => this.sending.delete(sending));
        this.sending.add(sending);
      }
    }
    if (next < Infinity) this.timer = setTimeout(() => this.pump(), next - now);
  }

  private async send(uid: string, id: number): Promise<void> {
    this.inFlight.set(uid, id);
    try {
      const claimed = await this.claim(uid);
      if (!claimed) return;
      const attempts = (this.attempts.get(uid) ?? 0) + 1;
      this.attempts.set(uid, attempts);
      const plan = await this.sender.send(claimed.entry, attempts, claimed.isRepeated);
      await this.replica.commit(plan);
      this.attempts.delete(uid);
    } catch (error) {
      if (this.isStopped) return;
      if (error instanceof SignedOut) {
        this.isReachable = false;
        this.setConnection('signed-out');
        this.stream?.abort();
      }
      if (!(error instanceof SignedOut || error instanceof Refused || error instanceof Unreachable)) console.error(error);
      const wait = error instanceof Refused ? error.wait : undefined;
      const jitter = backOff(this.attempts.get(uid) ?? 1);
      this.notBefore.set(uid, Date.now() + (wait === undefined ? jitter : wait + Math.min(jitter, 1000)));
      // If the server cannot be reached, the attempt to fetch changes shows it.
      if (error instanceof Unreachable && !this.stream) this.alarm.wake();
    } finally {
      this.inFlight.delete(uid);
      this.pump();
    }
  }

  // Marks a write as sent before it is sent. From then on no tab joins another write to it.
  private async claim(uid: string): Promise<{ entry: Entry; isRepeated: boolean } | undefined> {
    let claimed: { entry: Entry; isRepeated: boolean } | undefined;
    await this.replica.commit((entries) => {
      claimed = undefined;
      const entry = entries.find((entry) => entry.uid === uid && entry.state === 'queued');
      if (!entry) return undefined;
      if (entry.sent !== undefined) {
        claimed = { entry, isRepeated: true };
        return undefined;
      }
      let after = 0;
      for (const id of this.replica.tasks.keys()) after = Math.max(after, id);
      const sent: Entry = { ...entry, sent: Date.now(), after };
      claimed = { entry: sent, isRepeated: false };
      return { entries: [sent] };
    });
    return claimed;
  }
}
