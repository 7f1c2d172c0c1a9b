// Each value is a parameter of its own, because a tag can contain a comma.
const REPEATED = new Set(['tag']);

/**
 * Serializes the parameters of a query. The values of an array are separated by commas (`priority`, `sort`), or the parameter is
 * repeated (`tag`). Undefined values, null and empty arrays are left out.
 */
export function querySerializer(query: Readonly<Record<string, unknown>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? value.map(String) : value === undefined || value === null ? [] : [String(value)];
    if (REPEATED.has(name)) for (const one of values) parameters.append(name, one);
    else if (values.length > 0) parameters.set(name, values.join(','));
  }
  return parameters.toString();
}
