// The tabs of one user: one of them leads, and all of them receive each change.
import type { Connection } from './sync.js';
import type { Committed } from './replica.js';
import type { Platform } from './types.js';

export type Message =
  | { type: 'changed'; committed: Committed }
  /** The state of the leading tab. */
  | { type: 'connection'; connection: Connection }
  /** A new tab asks the leading one for its state. */
  | { type: 'hello' }
  | { type: 'refresh' }
  | { type: 'forget' };

/** Returns the name that the tabs of a user share: no other user and no other server has it. It is undefined without https. */
export async function nameOf(url: string, userId: string): Promise<string | undefined> {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify([url, userId])));
  return `task-api-${Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

export class Tabs {
  private readonly channel: BroadcastChannel;
  private readonly closed = new AbortController();

  constructor(
    private readonly name: string,
    private readonly platform: Required<{ [Name in keyof Platform]: NonNullable<Platform[Name]> }>,
    received: (message: Message) => void,
  ) {
    this.channel = new platform.BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => received(data);
    // Node would not end while the channel is open.
    if ('unref' in this.channel && typeof this.channel.unref === 'function') this.channel.unref();
  }

  publish(message: Message): void {
    if (!this.closed.signal.aborted) this.channel.postMessage(message);
  }

  /** Calls `lead` when this tab leads. It leads until the promise of `lead` is settled, or the tab is closed. */
  elect(lead: () => Promise<void>): void {
    // The only rejection is that of the signal.
    this.platform.locks.request(this.name, { signal: this.closed.signal }, lead).catch(() => {});
  }

  close(): void {
    this.closed.abort();
    this.channel.close();
  }
}
