import type pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import type { LogPosition } from '../wire/position.ts';
import { readIndexed } from './event-index.ts';
import { readCalls } from './history/call-rows.ts';
import { type EventHistoryQuery, hasTimes, isImpossible, toCriteria } from './history/criteria.ts';
import { lookupsFor, walkIndex } from './history/index-walk.ts';
import { comparePositions, HIGHEST, justBehind, LOWEST, type Range, rangesBetween } from './history/ranges.ts';
import { isFull, type Reading, type Stop } from './history/reading.ts';
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
const PAGE_WORK = { rows: 4_000, postings: 512 };

export async function readEventHistory(
  pool: pg.Pool,
  query: EventHistoryQuery,
  page: HistoryPage,
): Promise<EventHistory> {
  const criteria = toCriteria(query);
  if (isImpossible(criteria)) return { entries: [], next: null };
  const { newestFirst, limit } = page;
  const left = { ...(page.work ?? PAGE_WORK) };
  const reading: Reading = { pool, criteria, newestFirst, wanted: limit + 1, entries: [], left };
  const stoppedAt = await read(reading, { after: page.after ?? LOWEST, before: page.before ?? HIGHEST });
  const entries = reading.entries.slice(0, limit);
  const last = entries.at(-1);
  if (last && isFull(reading)) return { entries, next: { epoch: last.epoch, seq: last.seq } };
  return { entries, next: stoppedAt };
}

type Part = (range: Range) => Promise<Stop>;

/** Where it stopped because the page has had its share of work; null: the page is full or there is no more. */
async function read(reading: Reading, span: { after: LogPosition; before: LogPosition }): Promise<LogPosition | null> {
  const { criteria, newestFirst } = reading;
  const { epochs, position, persisted } = await readIndexed(reading.pool, criteria.channel);
  const ranges = (after: LogPosition, before: LogPosition) => rangesBetween({ after, before }, { epochs, newestFirst });
  const { after } = span;
  const before = lower(span.before, justBehind(persisted));
  const scanning: Part = range => scan(reading, range);
  if (criteria.calls)
    return readParts(
      reading,
      withPart(ranges(after, before), range => readCalls(reading, range)),
    );
  if (criteria.clauses.length === 0 && !hasTimes(criteria)) {
    return readParts(reading, withPart(ranges(after, before), scanning));
  }
  const lookups = await lookupsFor(reading);
  const sealed = ranges(after, lower(before, justBehind(position)));
  const tail = ranges(higher(after, position ?? LOWEST), before);
  const parts = [withPart(sealed, range => walkIndex(reading, range, lookups)), withPart(tail, scanning)];
  return readParts(reading, (newestFirst ? parts.reverse() : parts).flat());
}

interface RangeToRead {
  readonly range: Range;
  readonly part: Part;
}

function withPart(ranges: readonly Range[], part: Part): RangeToRead[] {
  return ranges.map(range => ({ range, part }));
}

async function readParts(reading: Reading, parts: readonly RangeToRead[]): Promise<LogPosition | null> {
  for (const { range, part } of parts) {
    const stoppedAt = await part(range);
    if (stoppedAt !== null) return { epoch: range.epoch, seq: stoppedAt };
    if (isFull(reading)) return null;
  }
  return null;
}

function lower(a: LogPosition, b: LogPosition): LogPosition {
  return comparePositions(a, b) < 0 ? a : b;
}

function higher(a: LogPosition, b: LogPosition): LogPosition {
  return comparePositions(a, b) > 0 ? a : b;
}
