import type pg from 'pg';
import { firstSightOf } from '../wire/call-id.ts';
import { ALL_DIRECTIONS, ALL_DISPOSITIONS, type CallFilters, type CallKey } from './call-filters.ts';
import { toNumberKey } from './number-key.ts';
import { loadSql } from './sql.ts';

/**
 * Which calls to look at, in order: all of them, or those of somebody whom a filter names. Filters may name several, an
 * extension and a queue; then one of them is looked up and whoever reads the calls applies the others.
 */
const LIST = loadSql('list-calls');
const LIST_OF_PARTIES = loadSql('list-calls-of-parties');

/** The years 1 to 9999: those that ISO 8601 and PostgreSQL write alike. Unix ms. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
export const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** Both exclusive. */
export interface KeyRange {
  readonly after: CallKey | null;
  readonly before: CallKey | null;
  readonly newestFirst: boolean;
}

interface Parties {
  readonly kind: 'number' | 'dn' | 'queue';
  readonly values: readonly string[];
}

export type Lookup = Parties | 'all' | { readonly callIds: readonly string[] };

/** Each of them finds all calls that the filters leave, and others. */
export function lookupsFor({ callIds, numbers, dns, queues, scopeDns }: CallFilters): [Lookup, ...Lookup[]] {
  if (callIds) return [{ callIds }];
  const lookups: Parties[] = [
    ...(numbers ? [{ kind: 'number' as const, values: numbers.map(toNumberKey) }] : []),
    ...(dns ? [{ kind: 'dn' as const, values: dns }] : []),
    ...(queues ? [{ kind: 'queue' as const, values: queues }] : []),
    ...(scopeDns ? [{ kind: 'dn' as const, values: scopeDns }] : []),
  ];
  const [first, ...others] = lookups;
  return first ? [first, ...others] : ['all'];
}

/** A page mostly lies within so much of its beginning: two months are opened then, not all of them. */
const NEAR_MS = 31 * 24 * 3_600_000;

type LimitedRange = KeyRange & { readonly limit: number };

/** The first `limit` keys of the range; fewer only at its end. */
export async function selectCallKeys(
  pool: pg.Pool,
  { lookup, filters }: { lookup: Lookup; filters: CallFilters },
  range: LimitedRange,
): Promise<CallKey[]> {
  if (typeof lookup === 'object' && 'callIds' in lookup) return keysOf(lookup.callIds, range).slice(0, range.limit);
  const list = async (part: LimitedRange): Promise<CallKey[]> => {
    const values = [
      filters.directions ?? ALL_DIRECTIONS,
      filters.dispositions ?? ALL_DISPOSITIONS,
      ...boundOf(part.after, '-infinity'),
      ...boundOf(part.before, 'infinity'),
      part.newestFirst,
      part.limit,
    ];
    if (lookup === 'all') return (await pool.query<CallKey>(LIST, values)).rows;
    const parties = [lookup.kind, [...new Set(lookup.values)]];
    return (await pool.query<CallKey>(LIST_OF_PARTIES, [...parties, ...values])).rows;
  };
  const near = nearPartOf(range);
  const keys = near ? await list(near) : [];
  return keys.length === range.limit ? keys : list(range);
}

/** Null when nobody knows where the range begins, or all of it is near. */
function nearPartOf(range: LimitedRange): LimitedRange | null {
  if (range.newestFirst) {
    const after = { at: (range.before?.at ?? Date.now()) - NEAR_MS, callId: '' };
    return range.after && compareKeys(range.after, after) >= 0 ? null : { ...range, after };
  }
  if (!range.after) return null;
  const before = { at: range.after.at + NEAR_MS, callId: '' };
  return range.before && compareKeys(range.before, before) <= 0 ? null : { ...range, before };
}

function boundOf(key: CallKey | null, otherwise: string): [at: string, callId: string] {
  if (!key) return [otherwise, ''];
  // Behind the last year that is written with four digits, and before the first one, no call was ever seen.
  if (key.at > LATEST_MS) return ['infinity', ''];
  if (key.at < EARLIEST_MS) return ['-infinity', ''];
  return [new Date(key.at).toISOString(), key.callId];
}

function keysOf(callIds: readonly string[], { after, before, newestFirst }: KeyRange): CallKey[] {
  const keys = [...new Set(callIds)].flatMap(callId => {
    const at = firstSightOf(callId);
    return at === null ? [] : [{ at, callId }];
  });
  const inRange = keys.filter(
    key => (!after || compareKeys(key, after) > 0) && (!before || compareKeys(key, before) < 0),
  );
  return inRange.sort(newestFirst ? (one, other) => compareKeys(other, one) : compareKeys);
}

/** As the indexes are sorted: ids byte by byte. */
export function compareKeys(one: CallKey, other: CallKey): number {
  if (one.at !== other.at) return one.at - other.at;
  return one.callId < other.callId ? -1 : Number(one.callId > other.callId);
}
