/**
 * JSON in the one form of RFC 8785 (JCS), so that a value has one digest however it was written: members sorted by
 * UTF-16 code units, no spaces, numbers and texts as ECMAScript writes them. Half a surrogate pair, which the RFC
 * forbids, is written as its escape.
 *
 * @throws RangeError for what is nested too deep for the stack
 * @throws TypeError for what JSON cannot say
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
  }
  const isJson = value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  if (!isJson) throw new TypeError(`JSON has no ${typeof value} ${String(value)}`);
  return JSON.stringify(value);
}
