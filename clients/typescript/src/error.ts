import type { ErrorBody, ErrorCode, FieldError, Task } from './types.js';

/** An answer of the server that is not a success, as an exception. `message` is one sentence that can be shown to people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status. */
  readonly status: number;
  /** The stable name of the error. It is undefined if the answer is not one of the Task API, but for example one of a proxy. */
  readonly code: ErrorCode | undefined;
  /** The mistakes of the body or the query. It is empty unless the status is 422. */
  readonly errors: readonly FieldError[];
  /** The task as it is now, if the status is 412 because another request has written it. Otherwise it is undefined. */
  readonly current: Task | undefined;
  readonly response: Response;

  constructor(response: Response, body?: unknown) {
    const known = isErrorBody(body) ? body : undefined;
    super(known?.detail ?? `The server answered with status ${response.status}`);
    this.status = response.status;
    this.code = known?.code;
    this.errors = known?.errors ?? [];
    this.current = known?.current;
    this.response = response;
  }

  /** The same sentence as `message`, under the name that the server uses. */
  get detail(): string {
    return this.message;
  }
}

/** Waits for a call and returns its data. Throws an `ApiError` if the answer is no success. The data of a 204 is undefined. */
export async function unwrap<Data>(call: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiError(response, error);
  return data as Data;
}

/** Whether a body has the shape that the server gives to its errors. */
export function isErrorBody(body: unknown): body is ErrorBody {
  return typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string'
    && 'code' in body && typeof body.code === 'string';
}
