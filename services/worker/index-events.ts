import {
  insertPostings,
  lockIndexPosition,
  moveIndexPosition,
  selectEventsToIndex,
} from '@3cx-relay/shared/store/event-index.ts';
import { LOWEST } from '@3cx-relay/shared/store/history/ranges.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { indexTable, type Months } from './months.ts';
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
    // One row more: it may be what closes a segment.
    const range = { after: lock.position ?? LOWEST, limit: segmentEvents + 1 };
    const segments = cutSegments(await selectEventsToIndex(client, channel, range), segmentEvents);
    const last = segments.at(-1)?.at(-1);
    if (!last) return 0;
    const postings = segments.flatMap(postingsOf);
    await months.ensure(
      indexTable(channel),
      postings.map(({ toAt }) => toAt),
    );
    await insertPostings(client, channel, postings);
    await moveIndexPosition(client, channel, { epoch: last.epoch, seq: last.seq });
    return segments.length;
  });
}
