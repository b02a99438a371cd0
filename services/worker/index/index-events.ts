import {
  type EventToIndex,
  insertPostings,
  lockIndexPosition,
  moveIndexPosition,
  type Posting,
  readIndexed,
  selectEventsToIndex,
} from '@3cx-relay/shared/store/event-index.ts';
import { LOWEST } from '@3cx-relay/shared/store/history/ranges.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction, type PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { indexTable, type Months } from '../retention/months.ts';
import { cutSegments, postingsOf } from './segments.ts';

/**
 * Seals the persisted rows of a channel into segments of the index, each row once whatever is killed when.
 *
 * Not part of the copy: that must keep up with the busiest minute, the index need not. Its position lives in PostgreSQL
 * and moves in the transaction that inserts the rows; locked, it keeps two workers apart. What an older version
 * persisted is behind the position like everything else.
 */
export interface IndexDeps {
  readonly pool: PostgresPool['pool'];
  readonly months: Months;
  readonly segmentEvents?: number;
}

/**
 * Rows of a full segment. Fewer would make an extension that is always busy cost more rows of the index, more would leave
 * more rows to be looked through before they are sealed.
 */
const SEGMENT_EVENTS = 2_000;
/** A statement costs as much as some hundred rows; of the largest bodies, 64 KiB, more rows would not fit the memory. */
const SEGMENTS_PER_READ = 2;
/** Each waits for the disk once. */
const SEGMENTS_PER_TRANSACTION = 10;
/** So that a backlog of years does not keep the other upkeep waiting: some seconds. */
const MAX_SEGMENTS_PER_RUN = 100;

/** Seals until less than a segment is left, the run has had its share, another worker is at it, or the signal aborts. */
export async function indexEvents(
  deps: IndexDeps,
  channel: Channel,
  signal: AbortSignal,
): Promise<{ readonly segments: number }> {
  let segments = 0;
  while (!signal.aborted && segments < MAX_SEGMENTS_PER_RUN) {
    const sealed = await sealNext(deps, channel);
    if (sealed === 0) break;
    segments += sealed;
  }
  return { segments };
}

function sealNext({ pool, months, segmentEvents = SEGMENT_EVENTS }: IndexDeps, channel: Channel): Promise<number> {
  return inTransaction(pool, async client => {
    const lock = await lockIndexPosition(client, channel);
    if (!lock.locked) return 0;
    const { segments, postings, last } = await makePostings(client, channel, { after: lock.position, segmentEvents });
    if (!last) return 0;
    // All of them before the first is inserted: creating a month needs the table for itself.
    await months.ensure(
      indexTable(channel),
      postings.map(({ toAt }) => toAt),
    );
    await insertPostings(client, channel, postings);
    await moveIndexPosition(client, channel, { epoch: last.epoch, seq: last.seq });
    return segments;
  });
}

interface Made {
  segments: number;
  readonly postings: Posting[];
  /** The last row of the last segment; null: not even one is full. */
  last: LogPosition | null;
}

/** PostgreSQL reads the next rows while this process makes rows of the index of those before: each is half of the work. */
async function makePostings(
  client: PostgresClient,
  channel: Channel,
  { after, segmentEvents }: { after: LogPosition | null; segmentEvents: number },
): Promise<Made> {
  const indexed = await readIndexed(client, channel);
  // One row more: it may be what closes a segment.
  const limit = segmentEvents * SEGMENTS_PER_READ + 1;
  const read = (from: LogPosition) => selectEventsToIndex(client, channel, { ...indexed, after: from, limit });
  const made: Made = { segments: 0, postings: [], last: null };
  let reading: Promise<EventToIndex[]> | null = read(after ?? LOWEST);
  while (reading) {
    const rows: EventToIndex[] = await reading;
    const segments = cutSegments(rows, segmentEvents);
    made.last = segments.at(-1)?.at(-1) ?? made.last;
    made.segments += segments.length;
    const isEnd = rows.length < limit || segments.length === 0 || made.segments >= SEGMENTS_PER_TRANSACTION;
    reading = isEnd || !made.last ? null : read(made.last);
    for (const segment of segments) made.postings.push(...postingsOf(segment));
  }
  return made;
}
