import type { Query } from '../../lib/api/admin-api.ts';
import { parseRange, rangeOf, type TimeRange } from '../../lib/components/time-range.ts';

/** What the entries are narrowed to; empty narrows nothing. */
export interface AuditFilters {
  readonly range: TimeRange;
  readonly action: string;
  readonly actor: string;
  readonly target: string;
  readonly outcome: string;
}

const USUAL_RANGE = '30d';

export const NO_AUDIT_FILTERS: Readonly<Record<string, null>> = {
  ...{ range: null, action: null, actor: null, target: null, outcome: null },
};

export const AUDIT_FILTER_FIELDS = ['from', 'to', 'action', 'actor', 'target', 'outcome'] as const;

export const AUDIT_TEXTS = ['action', 'actor', 'target', 'outcome'] as const;

export function parseAuditFilters(search: URLSearchParams): AuditFilters {
  const text = (name: string) => search.get(name) ?? '';
  return {
    range: parseRange(search.get('range'), USUAL_RANGE),
    ...{ action: text('action'), actor: text('actor'), target: text('target'), outcome: text('outcome') },
  };
}

export function toAuditQuery({ range, ...texts }: AuditFilters, now: number): Query {
  const { from, to } = rangeOf(range, now);
  return { from: new Date(from), to: 'preset' in range ? null : new Date(to), ...texts };
}

export function describeAuditFilters(filters: AuditFilters): string[] {
  return AUDIT_TEXTS.filter(name => filters[name] !== '').map(name => `${name} ${filters[name]}`);
}
