import type { Query } from '../../lib/api/admin-api.ts';
import { parseRange, rangeOf, type TimeRange } from '../../lib/components/time-range.ts';

/** What the calls are narrowed to, as the address of the page has it and the relay takes it; empty narrows nothing. */
export interface CallFilters {
  readonly range: TimeRange;
  readonly dn: string;
  readonly queue: string;
  readonly number: string;
  readonly direction: string;
  readonly disposition: string;
}

const USUAL_RANGE = '7d';

export const CALL_FILTER_FIELDS = ['from', 'to', 'dn', 'queue', 'number', 'direction', 'disposition'] as const;

export function parseCallFilters(search: URLSearchParams): CallFilters {
  const text = (name: string) => search.get(name) ?? '';
  return {
    range: parseRange(search.get('range'), USUAL_RANGE),
    ...{ dn: text('dn'), queue: text('queue'), number: text('number') },
    ...{ direction: text('direction'), disposition: text('disposition') },
  };
}

/** For an address: what is as usual is left out. */
export const NO_CALL_FILTERS: Readonly<Record<string, null>> = {
  ...{ range: null, dn: null, queue: null, number: null, direction: null, disposition: null },
};

export function toCallQuery({ range, ...filters }: CallFilters, now: number): Query {
  const { from, to } = rangeOf(range, now);
  // "Up to now" has no end, so that what comes while somebody reads is there, too.
  return { from: new Date(from), to: 'preset' in range ? null : new Date(to), ...filters };
}

/** Filters in words, for who exports what they leave. */
export function describeCallFilters({ dn, queue, number, direction, disposition }: CallFilters): string[] {
  return [
    dn && `extension ${dn}`,
    queue && `queue ${queue}`,
    number && `number ${number}`,
    direction,
    disposition && (disposition === 'unknown' ? 'result not known' : disposition),
  ].filter(words => words !== '');
}
