// The synchronization in the leading tab: it follows the server, and sends the outbox.
import { readEvents } from './events.js';
import { Feed } from './feed.js';
import type { Replica } from './replica.js';
import { Sender } from './send.js';
import type { Entry } from './storage.js';
import { Refused, SignedOut, Unreachable, type Transport } from './transport.js';
import type { FiredReminder } from './types.js';
import { Alarm, backOff } from './wait.js';

export type Connection = 'connecting' | 'live' | 'online' | 'offline' | 'signed-out';

const AT_ONCE = 4;
// The server sends a byte every 15 seconds.
const QUIET = 20_000;
// After a refusal of events, changes are fetched from time to time, and events are tried again later: after this time, which is
// doubled with each refusal up to an hour.
const WITHOUT_EVENTS = 60_000;
const HOUR = 3_600_000;
/** The longest pause between two connections. */
const LONGEST = 30_000;
// The next try after a refused token.
const SIGNED_OUT = 60_000;
// A stream that ends sooner without a change is a failure.
const LASTING = 5000;

export class Sync {
  connection: Connection = 'connecting';

  private readonly feed: Feed;
  private readonly sender: Sender;
  private readonly alarm = new Alarm();
  private readonly stopped = new AbortController();
  private stream: AbortController | undefined;
  // Times of `performance.now()`, because the clock of the device can be set back.
  /** When to try events next. It is infinite if the server has none. */
  private eventsAt = 0;
  /** The failures and the short streams since the last success. */
  private failures = 0;
  private refusals = 0;
  /** Whether the last attempt to fetch changes succeeded. Otherwise nothing is sent. */
  private isReachable = false;
  private heardAt = 0;
  private readonly inFlight = new Map<string, number>();
  private readonly sending = new Set<Promise<void>>();
  private readonly attempts = new Map<string, number>();
  /** When to send a write again. The time is fixed if the server has set it, or has refused the token. */
  private readonly notBefore = new Map<string, { at: number; isFixed: boolean }>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly replica: Replica,
    private readonly pollSeconds: number,
    private readonly connected: (connection: Connection) => void,
    reminded: ((reminder: FiredReminder) => void) | undefined,
  ) {
    this.feed = new Feed(transport, replica, reminded);
    this.sender = new Sender(transport, replica, this.feed, this.stopped.signal);
  }

  /** Follows the server until `stop`. */
  async run(): Promise<void> {
    while (!this.isStopped) {
      let wait: number;
      try {
        await this.feed.pull(this.stopped.signal);
        this.reached();
        wait = await this.follow();
      } catch (error) {
        if (this.isStopped) break;
        wait = this.failed(error);
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
    this.notBefore.clear();
    if (this.eventsAt < Infinity) this.eventsAt = 0;
    if (this.connection === 'signed-out') {
      this.transport.forgetToken();
      this.alarm.wake();
    }
    if (!this.stream) this.alarm.wake();
    // The connection may have died while the device was asleep. `performance.now()` can stand still then.
    else if (Math.abs(Date.now() - this.heardAt) > QUIET) this.stream.abort();
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
    if (!this.feed.canFollow || typeof state !== 'number' || performance.now() < this.eventsAt) return this.poll();
    const stream = new AbortController();
    this.stream = stream;
    const stop = () => stream.abort();
    this.stopped.signal.addEventListener('abort', stop);
    const lastingAt = performance.now() + LASTING;
    let hasChanges = false;
    try {
      const end = await readEvents(this.transport, state, {
        opened: () => {
          this.refusals = 0;
          this.setConnection('live');
        },
        heard: () => (this.heardAt = Date.now()),
        changes: (changes, state) => {
          hasChanges = true;
          return this.feed.apply(changes, state);
        },
      }, stream.signal);
      if (end === 'unsupported') {
        this.eventsAt = Infinity;
        return this.poll();
      }
      if (end === 'resync') await this.feed.list(this.stopped.signal);
      else if (end.isTokenExpired) this.transport.forgetToken();
      const wait = end === 'resync' || end.isTokenExpired ? 0 : end.wait;
      if (hasChanges || performance.now() > lastingAt) return wait;
      this.failures += 1; // the first time may be chance
      return this.failures > 1 ? Math.max(wait, Math.min(LONGEST, backOff(this.failures - 1))) : wait;
    } catch (error) {
      if (stream.signal.aborted && this.connection === 'signed-out') throw new SignedOut('The server refused the token of a write');
      if (stream.signal.aborted && this.connection !== 'offline') return 0; // it was ended here, to connect again
      if (!(error instanceof Refused)) throw error;
      this.eventsAt = performance.now() + Math.max(error.wait ?? 0, Math.min(HOUR, WITHOUT_EVENTS * 2 ** this.refusals));
      this.refusals += 1;
      return this.poll();
    } finally {
      if (hasChanges || performance.now() > lastingAt) this.failures = 0;
      this.stopped.signal.removeEventListener('abort', stop);
      this.stream = undefined;
    }
  }

  // Returns the time until changes are fetched again.
  private poll(): number {
    this.failures = 0;
    this.setConnection('online');
    return this.pollSeconds * 1000 * (0.9 + Math.random() / 5);
  }

  private failed(error: unknown): number {
    this.failures += 1;
    this.isReachable = false;
    this.setConnection(error instanceof SignedOut ? 'signed-out' : 'offline');
    if (error instanceof SignedOut) return SIGNED_OUT;
    return Math.max((error instanceof Refused && error.wait) || 0, Math.min(LONGEST, backOff(this.failures)));
  }

  private reached(): void {
    if (this.isReachable) return;
    this.isReachable = true;
    for (const [uid, { isFixed }] of this.notBefore) if (!isFixed) this.notBefore.delete(uid);
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
    const now = performance.now();
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
      const notBefore = this.notBefore.get(entry.uid)?.at ?? 0;
      if (notBefore > now) next = Math.min(next, notBefore);
      else {
        const sending: Promise<void> = this.send(entry.uid, id).finally(() => this.sending.delete(sending));
        this.sending.add(sending);
      }
    }
    if (next < Infinity) this.timer = setTimeout(() => this.pump(), Math.min(next - now, 2 ** 31 - 1));
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
      this.notBefore.delete(uid);
      if (this.replica.entries.get(uid)?.state !== 'queued') this.attempts.delete(uid);
      // It goes on from the current task after 412. Something may change the task again and again.
      else if (attempts > 1) this.delay(uid, backOff(attempts - 1));
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
      if (error instanceof SignedOut) this.delay(uid, SIGNED_OUT, true);
      else this.delay(uid, wait === undefined ? jitter : wait + Math.min(jitter, 1000), wait !== undefined);
      // If the server cannot be reached, the attempt to fetch changes shows it.
      if (error instanceof Unreachable && !this.stream) this.alarm.wake();
    } finally {
      this.inFlight.delete(uid);
      this.pump();
    }
  }

  private delay(uid: string, milliseconds: number, isFixed = false): void {
    this.notBefore.set(uid, { at: performance.now() + milliseconds, isFixed });
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
