import { isErrorBody } from './error.js';

export interface RetryOptions {
  /** How often a request is sent at most, with the first time. The default is 3; with 1 nothing is sent again. */
  attempts?: number;
  /** The longest time to wait before a repetition, in seconds. A response that asks for more is returned at once. Default: 30. */
  maxWait?: number;
}

// A repetition of these has the same effect as one request (RFC 9110, section 9.2.2). POST creates a second task, and
// PATCH …/complete flips a task back, unless the request has an Idempotency-Key.
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * Sends a request, and again after 429 and 503 if the response has `Retry-After`, when that time is over. A 503 leaves open whether
 * a write was done. It is only repeated if the method is idempotent, if the request has an `Idempotency-Key`, or if the code shows
 * that the request was refused before it began. A broken connection is an error: nothing is sent again.
 */
export async function withRetry(
  request: Pick<Request, 'method' | 'headers' | 'signal'>,
  { attempts = 3, maxWait = 30 }: RetryOptions,
  send: () => Promise<Response>,
): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send();
    if (attempt >= attempts) return response;
    const wait = retryAfter(response.headers.get('Retry-After'), Date.now());
    if (wait === undefined || wait > maxWait * 1000 || !(await mayRepeat(request, response))) return response;
    await response.body?.cancel();
    await delay(wait + jitter(wait), request.signal);
  }
}

async function mayRepeat({ method, headers }: Pick<Request, 'method' | 'headers'>, response: Response): Promise<boolean> {
  if (response.status === 429) return true; // it was refused before it began, or it is a bulk edit, whose repetition goes on
  if (response.status !== 503) return false;
  if (IDEMPOTENT.has(method) || headers.has('Idempotency-Key')) return true;
  const body: unknown = await response.clone().json().catch(() => undefined);
  return isErrorBody(body) && body.code === 'key_server_unavailable'; // the token could not be checked yet
}

/**
 * Returns the time to wait in milliseconds, or undefined if there is none. The header has a number of seconds or an HTTP date
 * (RFC 9110, section 10.2.3).
 */
export function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = /[a-z]/i.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

// Spreads clients that were refused at the same time. It never shortens the wait.
const jitter = (wait: number) => Math.random() * Math.min(1000, wait / 4);

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', abort, { once: true });
  });
}
