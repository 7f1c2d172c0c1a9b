import createClient, { type Client } from 'openapi-fetch';
import { querySerializer } from './query.js';
import { withRetry, type RetryOptions } from './retry.js';
import type { paths } from './schema.js';
import { tokenKeeper } from './token.js';

export interface TaskClientOptions {
  /** The address of the Task API, such as `http://127.0.0.1:8000`. */
  baseUrl: string;
  /**
   * Fetches a token of the signed-in user. It is called before the first request and after `token_expired`. It rejects if no user is
   * signed in.
   */
  token: () => Promise<string>;
  /** Sends the requests. The default is the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  retry?: RetryOptions;
}

export type TaskClient = Client<paths, `${string}/${string}`>;

/**
 * Returns a client of the Task API for one signed-in user: the client of openapi-fetch with all operations of the OpenAPI document. It
 * keeps the user's token. Create a new client when another user signs in, and one for each request on a server.
 */
export function createTaskClient(options: TaskClientOptions): TaskClient {
  const { baseUrl, token, fetch = (request) => globalThis.fetch(request), retry = {} } = options;
  const withToken = tokenKeeper(token);
  return createClient<paths>({
    baseUrl,
    querySerializer,
    fetch: async (request) => {
      const body = await bodyOf(request);
      return withRetry(request, retry, () => withToken((token) => {
        const headers = new Headers(request.headers);
        headers.set('Authorization', `Bearer ${token}`);
        return fetch(new Request(request, { headers, ...(body && { body }) }));
      }));
    },
  });
}

// Reads the body, because a request can be sent only once. A clone would do too, but the tools of Chromium show no body of clones.
const bodyOf = async (request: Request) => (['GET', 'HEAD'].includes(request.method) ? '' : request.clone().text());
