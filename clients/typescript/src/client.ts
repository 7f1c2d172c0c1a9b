import createClient, { type Client } from 'openapi-fetch';
import { querySerializer } from './query.js';
import { withRetry, type RetryOptions } from './retry.js';
import type { paths } from './schema.js';
import { withToken, type Send } from './token.js';

export interface TaskClientOptions {
  /** The address of the Task API, such as `http://127.0.0.1:8000`. */
  baseUrl: string;
  /**
   * Fetches a token of the signed-in user. It is called before the first request and after `token_expired`. It should reject if nobody is
   * signed in.
   */
  token: () => Promise<string>;
  /** Sends the requests. The default is the global `fetch`. */
  fetch?: Send;
  retry?: RetryOptions;
}

export type TaskClient = Client<paths, `${string}/${string}`>;

/**
 * Returns a client of the Task API for one signed-in user: the client of openapi-fetch with all operations of the OpenAPI document. It keeps the
 * user's token. Create a new one when another user signs in, and one for each request on a server.
 */
export function createTaskClient({ baseUrl, token, fetch = (request) => globalThis.fetch(request), retry = {} }: TaskClientOptions): TaskClient {
  return createClient<paths>({ baseUrl, querySerializer, fetch: withRetry(retry, withToken(token, fetch)) });
}
