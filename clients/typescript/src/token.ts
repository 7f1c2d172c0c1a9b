import { isErrorBody } from './error.js';

/** Sends a request with a token, once for each call. */
export type SendWithToken = (token: string) => Promise<Response>;

/**
 * Keeps the user's token until the server answers 401 `token_expired`. Then it is fetched once more, and the request is sent again,
 * once. Requests that are in flight at the same time share one fetch.
 */
export function tokenKeeper(fetchToken: () => Promise<string>): (send: SendWithToken) => Promise<Response> {
  let kept: Promise<string> | undefined;
  const forget = (old: Promise<string>) => {
    if (kept === old) kept = undefined;
  };
  const token = () => {
    if (kept) return kept;
    const fetched = fetchToken();
    kept = fetched;
    fetched.catch(() => forget(fetched)); // the next request tries again
    return fetched;
  };
  return async (send) => {
    const first = token();
    const response = await send(await first);
    if (!(await isExpired(response))) return response;
    forget(first); // unless another request has renewed it
    return send(await token());
  };
}

async function isExpired(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const body: unknown = await response.clone().json().catch(() => undefined);
  return isErrorBody(body) && body.code === 'token_expired';
}
