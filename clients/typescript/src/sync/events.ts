// The stream of events (`text/event-stream`), read with fetch, because EventSource cannot send an Authorization header.
import { EventParser } from './stream.js';
import { refusal, Unreachable, type Transport } from './transport.js';

/** The server sends a byte every 15 seconds. A connection without one for this time is dead. */
const SILENCE = 45_000;
// Statuses of servers that have no events: the path is unknown, or `events` is taken for the id of a task.
const UNSUPPORTED = [400, 404, 405, 406, 422, 501];

/** Why a stream has ended: the server has no events, the copy must be replaced, or when to connect again (milliseconds). */
export type StreamEnd = 'unsupported' | 'resync' | { wait: number; isTokenExpired: boolean };

export interface StreamHandlers {
  /** Is called when the stream has begun. */
  opened(): void;
  /** Is called with each part of the stream. */
  heard(): void;
  /** Applies the changes and reminders of one or more events, in order. `state` is the number of the last one. */
  changes(changes: unknown[], state: number): Promise<void>;
}

/** Reads events until the stream ends. Throws `Unreachable`, `SignedOut` and `Refused`. */
export async function readEvents(transport: Transport, since: number, handlers: StreamHandlers, signal: AbortSignal): Promise<StreamEnd> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener('abort', abort, { once: true });
  let silence = setTimeout(abort, SILENCE);
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(abort, SILENCE);
    handlers.heard();
  };
  try {
    const path = `/api/tasks/events?since=${since}`;
    const send = { headers: { Accept: 'text/event-stream' }, signal: controller.signal, timeout: 2 ** 31 - 1 };
    return await transport.send('GET', path, send, async (response) => {
      if (UNSUPPORTED.includes(response.status) || (response.ok && !isStream(response))) {
        await response.body?.cancel();
        return 'unsupported';
      }
      if (!response.ok || !response.body) throw await refusal(response);
      return read(response.body, { ...handlers, heard });
    });
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', abort);
  }
}

const isStream = (response: Response) => response.headers.get('Content-Type')?.startsWith('text/event-stream') === true;

async function read(body: ReadableStream<Uint8Array>, { opened, heard, changes }: StreamHandlers): Promise<StreamEnd> {
  const parser = new EventParser();
  const ended = (isTokenExpired: boolean): StreamEnd => ({ wait: parser.retry ?? 1000 + Math.random() * 2000, isTokenExpired });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  opened();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return ended(false);
      heard();
      const batch = parser.parse(decoder.decode(value, { stream: true }));
      // What arrived together is stored in one transaction. The next part is read afterwards, so a slow device slows the server
      // down.
      const changed = batch.filter(({ event }) => event === 'change' || event === 'reminder');
      const state = Number(changed.at(-1)?.id || NaN);
      if (changed.length > 0) {
        if (!Number.isSafeInteger(state)) throw new Unreachable('An event has no number');
        await changes(changed.map(({ data }) => JSON.parse(data)), state);
      }
      const last = batch.find(({ event }) => event === 'resync' || event === 'end');
      if (last?.event === 'resync') return 'resync';
      if (last) return ended(reasonOf(last.data) === 'token_expired');
    }
  } finally {
    reader.cancel().catch(() => {}); // closes the connection if it is still open
  }
}

function reasonOf(data: string): unknown {
  try {
    return JSON.parse(data).reason;
  } catch {
    return undefined;
  }
}
