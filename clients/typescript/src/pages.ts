/**
 * Returns the `cursor` of the next page from the `Link` header of a list (RFC 8288), or undefined after the last page. Send it with
 * the same filters, order and `limit`.
 */
export function nextCursor(response: Response): string | undefined {
  const next = response.headers.get('Link')?.match(/<([^>]*)>\s*;\s*rel="?next"?/)?.[1];
  if (next === undefined) return undefined;
  // The address is relative to that of the page. Only its query matters here.
  return new URL(next, response.url || 'http://localhost').searchParams.get('cursor') ?? undefined;
}
