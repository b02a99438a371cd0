import { isRow, type ODataRow } from './odata-fields.ts';

export type ODataQuery = Readonly<Record<string, string | number | boolean>>;

/** What one GET brings, parsed. */
export type GetJson = (pathAndQuery: string) => Promise<unknown>;

/** More than this is a 400 on V20 (3cx.md §2.1). */
export const MAX_TOP = 100;
const ROOT = '/xapi/v1/';

/**
 * A collection page by page. A 3CX answers a first page that is short and names no next one, so the reader counts for
 * itself with `$top` and `$skip`; a `@odata.nextLink` is followed where there is one. It ends at a short or empty page,
 * at `@odata.count`, at a page that repeats the one before, and at a link that was followed before: a server that ignores
 * `$skip`, or whose links lead in a circle, would otherwise never end.
 */
export async function* odataPages(
  getJson: GetJson,
  path: string,
  query: ODataQuery = {},
): AsyncGenerator<readonly ODataRow[], void, undefined> {
  const top = Math.min(MAX_TOP, Math.max(1, Number(query.$top ?? MAX_TOP)));
  let skip = Math.max(0, Number(query.$skip ?? 0));
  let received = 0;
  let former: string | null = null;
  let next: string | null = null;
  const followed = new Set<string>();
  for (;;) {
    const answer = await getJson(next ?? ROOT + path + toQueryString({ ...query, $top: top, $skip: skip }));
    const body = isRow(answer) ? answer : {};
    const rows = Array.isArray(body.value) ? body.value.filter(isRow) : [];
    const fingerprint = JSON.stringify(rows);
    if (rows.length === 0 || fingerprint === former) return;
    former = fingerprint;
    yield rows;
    received += rows.length;
    skip += rows.length;
    next = localLink(body['@odata.nextLink']);
    if (next && followed.has(next)) return;
    if (next) {
      followed.add(next);
      continue;
    }
    const count = body['@odata.count'];
    const isLast = typeof count === 'number' ? received >= count : rows.length < top;
    if (isLast) return;
  }
}

/** Path and query of a link, whatever host it names: our token goes to the PBX we know and to nobody else. */
function localLink(value: unknown): string | null {
  if (typeof value !== 'string' || !URL.canParse(value, 'https://pbx.invalid')) return null;
  const { pathname, search } = new URL(value, 'https://pbx.invalid');
  const start = pathname.indexOf(ROOT);
  return start < 0 ? null : pathname.slice(start) + search;
}

/** `$` stays as it is: not every OData server reads an encoded one. */
export function toQueryString(query: ODataQuery): string {
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
