import type pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import type { LogPosition } from '../wire/position.ts';
import { readIndexPosition } from './event-index.ts';
import { readCalls } from './history/call-rows.ts';
import { type EventHistoryQuery, hasTimes, isImpossible, toCriteria } from './history/criteria.ts';
import { walkIndex } from './history/index-walk.ts';
import { comparePositions, HIGHEST, isFull, LOWEST, type Reading, type Span, type Stop } from './history/reading.ts';
import { scan } from './history/scan.ts';

/**
 * Pages through the persisted log of a channel by what its entries are about: extensions, events, numbers, API keys,
 * components, calls and times.
 *
 * What is sealed into segments is found through event_index; the newest rows, fewer than a segment and what the indexer
 * is behind, are looked through. Which is which is read first and holds for the whole page: what is sealed meanwhile is
 * looked through all the same, and nothing is read twice or missed.
 */
export interface HistoryPage {
  /** Exclusive. */
  readonly after: LogPosition | null;
  readonly before: LogPosition | null;
  readonly newestFirst: boolean;
  /** At least 1. */
  readonly limit: number;
  /** Most rows of events and of the index that the page looks at. */
  readonly work?: { readonly rows: number; readonly postings: number };
}

export interface EventHistory {
  /** In the order of the log, or against it; their bodies byte by byte. */
  readonly entries: LogEntry[];
  /**
   * Where to go on: the next page's `after`, or its `before` when the newest come first. Null: there is no more. A page
   * may be short, even empty, and have a next: it did as much work as one page may.
   */
  readonly next: LogPosition | null;
}

/** What one page may look at, so that the rarest combination costs no more than this. */
const PAGE_WORK = { rows: 4_000, postings: 2_048 };

export async function readEventHistory(
  pool: pg.Pool,
  query: EventHistoryQuery,
  page: HistoryPage,
): Promise<EventHistory> {
  const criteria = toCriteria(query);
  const span: Span = { after: page.after ?? LOWEST, before: page.before ?? HIGHEST };
  if (isImpossible(criteria) || comparePositions(span.after, span.before) >= 0) return { entries: [], next: null };
  const { newestFirst, limit } = page;
  const reading: Reading = {
    pool,
    criteria,
    newestFirst,
    wanted: limit + 1,
    entries: [],
    left: { ...(page.work ?? PAGE_WORK) },
  };
  const stoppedAt = await read(reading, span);
  const entries = reading.entries.slice(0, limit);
  const last = entries.at(-1);
  if (last && isFull(reading)) return { entries, next: { epoch: last.epoch, seq: last.seq } };
  return { entries, next: stoppedAt };
}

async function read(reading: Reading, span: Span): Promise<Stop> {
  const { criteria, pool, newestFirst } = reading;
  if (criteria.calls) return readCalls(reading, span);
  if (criteria.clauses.length === 0 && !hasTimes(criteria)) return scan(reading, span);

  const indexed = (await readIndexPosition(pool, criteria.channel)) ?? LOWEST;
  const justBehind = { epoch: indexed.epoch, seq: indexed.seq + 1 };
  const sealed: Span = { ...span, before: lower(span.before, justBehind) };
  const tail: Span = { ...span, after: higher(span.after, indexed) };
  const parts = [
    { span: sealed, readPart: walkIndex },
    { span: tail, readPart: scan },
  ];
  for (const part of newestFirst ? parts.reverse() : parts) {
    if (comparePositions(part.span.after, part.span.before) >= 0) continue;
    const stoppedAt = await part.readPart(reading, part.span);
    if (stoppedAt || isFull(reading)) return stoppedAt;
  }
  return null;
}

function lower(a: LogPosition, b: LogPosition): LogPosition {
  return comparePositions(a, b) < 0 ? a : b;
}

function higher(a: LogPosition, b: LogPosition): LogPosition {
  return comparePositions(a, b) > 0 ? a : b;
}
