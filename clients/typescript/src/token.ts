import { isErrorBody } from './error.js';

/** Sends one request. */
export type Send = (request: Request) => Promise<Response>;

/**
 * Adds the user's token to every request. The token is kept until the server answers 401 `token_expired`. Then it is fetched once more, and the
 * request is sent again, once. Requests that are in flight at the same time share one fetch.
 */
export function withToken(fetchToken: () => Promise<string>, send: Send): Send {
  let kept: Promise<string> | undefined;
  const token = () => {
    if (kept) return kept;
    const fetched = fetchToken();
    kept = fetched;
    // A failure is not kept: the next request tries again.
    fetched.catch(() => forget(fetched));
    return fetched;
  };
  const forget = (old: Promise<string>) => {
    if (kept === old) kept = undefined;
  };
  const attempt = async (request: Request, fetched: Promise<string>) => {
    const authorized = request.clone(); // the body of a request can be sent only once
    authorized.headers.set('Authorization', `Bearer ${await fetched}`);
    return send(authorized);
  };
  return async (request) => {
    const first = token();
    const response = await attempt(request, first);
    if (!(await isExpired(response))) return response;
    forget(first); // unless another request has renewed it
    return attempt(request, token());
  };
}

async function isExpired(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const body: unknown = await response.clone().json().catch(() => undefined);
  return isErrorBody(body) && body.code === 'token_expired';
}
