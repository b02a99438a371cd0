import type { LogEntry } from '../../log/entry.ts';
import type { Channel } from '../../wire/channels.ts';
import { toNumberKey } from '../number-key.ts';
import { type TermKind, termsOf } from './terms.ts';

/** What is asked of a channel's history: every part that is given must hold, and of a list one value is enough. */
export interface EventHistoryQuery {
  readonly channel: Channel;
  /** Unix ms, both ends included. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly events?: readonly string[] | undefined;
  readonly calls?: readonly string[] | undefined;
  /** In any spelling: see toNumberKey. */
  readonly numbers?: readonly string[] | undefined;
  readonly keyIds?: readonly number[] | undefined;
  readonly components?: readonly string[] | undefined;
  /** What the asker may see at all: entries that one of these takes part in. An empty list lets nothing pass. */
  readonly scopeDns?: readonly string[] | undefined;
}

/** One of these values must be among the entry's. */
export interface Clause {
  readonly kind: TermKind;
  readonly values: readonly string[];
}

export interface Criteria {
  readonly channel: Channel;
  /** Unix ms; infinite when not given. */
  readonly from: number;
  readonly to: number;
  readonly calls: readonly string[] | null;
  /** Most telling kind first. */
  readonly clauses: readonly Clause[];
}

/** What a timestamp of PostgreSQL can be compared with; nothing lies beyond. */
const EARLIEST_MS = Date.UTC(-4000, 0);
const LATEST_MS = 8.64e15;

export function toCriteria(query: EventHistoryQuery): Criteria {
  const clause = (kind: TermKind, values: readonly string[] | undefined): Clause[] =>
    values ? [{ kind, values: [...new Set(values)] }] : [];
  return {
    channel: query.channel,
    from: Math.max(query.from ?? Number.NEGATIVE_INFINITY, EARLIEST_MS),
    to: Math.min(query.to ?? Number.POSITIVE_INFINITY, LATEST_MS),
    calls: query.calls ? [...new Set(query.calls)] : null,
    clauses: [
      ...clause('number', query.numbers?.map(toNumberKey).filter(Boolean)),
      ...clause('key', query.keyIds?.map(String)),
      ...clause('component', query.components),
      ...clause('dn', query.dns),
      ...clause('event', query.events),
      ...clause('dn', query.scopeDns),
    ],
  };
}

/** Nothing can match. */
export function isImpossible({ from, to, calls, clauses }: Criteria): boolean {
  return from > to || calls?.length === 0 || clauses.some(({ values }) => values.length === 0);
}

export function hasTimes({ from, to }: Criteria): boolean {
  return from > EARLIEST_MS || to < LATEST_MS;
}

/** Whether the entry is under one value of each clause; times and calls are for the statements. */
export function matchesClauses({ clauses }: Criteria, entry: LogEntry): boolean {
  if (clauses.length === 0) return true;
  const terms = termsOf(entry);
  return clauses.every(({ kind, values }) => {
    const has = terms.get(kind);
    return has !== undefined && values.some(value => has.has(value));
  });
}
