// Requests with the user's token.
import { isErrorBody } from '../error.js';
import { retryAfter } from '../retry.js';
import type { ErrorBody } from '../types.js';

/** The server cannot be reached: no connection, no answer in time, or an answer that broke off. */
export class Unreachable extends Error {}
/** There is no valid token. */
export class SignedOut extends Error {}
/** An answer that is no success. */
export class Refused extends Error {
  constructor(readonly status: number, readonly body: ErrorBody | undefined, readonly wait: number | undefined) {
    super(body?.detail ?? `The server answered with status ${status}`);
  }
}

export interface Send {
  body?: unknown;
  headers?: Record<string, string>;
  /** Ends the request. */
  signal?: AbortSignal;
  /** The milliseconds until the headers of the answer, and its body if `read` reads it. Default: 30 s. */
  timeout?: number;
}

export class Transport {
  private kept: Promise<string> | undefined;

  constructor(
    private readonly url: string,
    private readonly fetchToken: () => Promise<string>,
    private readonly fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init),
  ) {}

  /** Makes the next request fetch a new token. */
  forgetToken(): void {
    this.kept = undefined;
  }

  /**
   * Sends a request and reads its answer. After 401 the token is fetched once more, and the request is sent again, once. Throws
   * `Unreachable` and `SignedOut`. An answer that is no success is returned like any other.
   */
  async send<Result>(method: string, path: string, send: Send, read: (response: Response) => Promise<Result>): Promise<Result> {
    const { body, headers, signal, timeout = 30_000 } = send;
    const controller = new AbortController();
    const abort = () => {
      clearTimeout(timer);
      controller.abort();
    };
    const timer = setTimeout(abort, timeout);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    const once = async (token: string) => this.fetch(this.url + path, {
      method,
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers, Authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: controller.signal,
      cache: 'no-store',
    });
    try {
      const first = this.token();
      let response = await once(await this.inTime(first, controller.signal));
      if (response.status === 401) {
        await response.body?.cancel();
        if (this.kept === first) this.kept = undefined; // unless another request has renewed it
        response = await once(await this.inTime(this.token(), controller.signal));
        if (response.status === 401) {
          this.kept = undefined;
          throw new SignedOut('The server refused the token');
        }
      }
      return await read(response);
    } catch (error) {
      // All that is left are errors of fetch: no connection, an end by a signal, or a body that broke off.
      throw error instanceof SignedOut || error instanceof Refused ? error : new Unreachable(String(error));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Sends a request and returns its body. Throws `Refused` if the answer is no success. */
  call<Data>(method: string, path: string, send: Send = {}): Promise<{ data: Data; response: Response }> {
    return this.send(method, path, send, async (response) => {
      if (!response.ok && response.status !== 304) throw await refusal(response);
      const text = await response.text();
      return { data: (text ? JSON.parse(text) : undefined) as Data, response };
    });
  }

  private token(): Promise<string> {
    if (this.kept) return this.kept;
    const fetched = this.newToken();
    this.kept = fetched;
    fetched.catch(() => this.kept === fetched && (this.kept = undefined)); // the next request tries again
    return fetched;
  }

  private async newToken(): Promise<string> {
    let fetching: Promise<string>;
    try {
      fetching = this.fetchToken();
    } catch (error) {
      throw new SignedOut(String(error)); // for example because there is no session
    }
    const token = await Promise.resolve(fetching).catch((error: unknown) => {
      // A page that is offline cannot fetch a token: `fetch` rejects with a TypeError. Everything else means that no user is
      // signed in.
      throw error instanceof TypeError ? new Unreachable(error.message) : new SignedOut(String(error));
    });
    if (!token) throw new SignedOut('There is no token');
    return token;
  }

  // Waits for a token until the request ends. A promise that never settles would stop all requests, so it is not kept.
  private inTime(token: Promise<string>, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        if (this.kept === token) this.kept = undefined;
        reject(new Unreachable('There was no token in time'));
      };
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      token.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }
}

export async function refusal(response: Response): Promise<Refused> {
  const body: unknown = await response.json().catch(() => undefined);
  return new Refused(response.status, isErrorBody(body) ? body : undefined, retryAfter(response.headers.get('Retry-After'), Date.now()));
}
