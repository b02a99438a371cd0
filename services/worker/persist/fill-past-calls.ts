import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import {
  endPastCalls,
  lockPastCalls,
  movePastCalls,
  selectPastCallEvents,
} from '@3cx-relay/shared/store/past-calls.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import type { Months } from '../retention/months.ts';
import { fillCalls } from './tables/fill-calls.ts';

/**
 * Makes the calls of entries that were copied by a release that knew no table of calls.
 *
 * Not in the migration, which everybody waits for: ten million entries take many minutes. So it goes in steps beside the
 * persister, which makes the calls of new entries from the first moment. The two meet in any order, because a row is
 * never made from an older entry than it has been; and the end is where no entry is left, so that what a worker of the
 * release before still copied meanwhile is not forgotten.
 */
export interface PastCallsDeps {
  readonly pool: PostgresPool['pool'];
  readonly months: Pick<Months, 'ensure'>;
  readonly logger: Logger;
}

const STEP_ENTRIES = 2_000;
/** Other upkeep waits for this one, and the log is trimmed every minute. */
const MAX_MS = 30_000;

/** Works until nothing is left or its time is over; another run goes on where this one ended. */
export async function fillPastCalls(
  deps: PastCallsDeps,
  signal: AbortSignal,
  { stepEntries = STEP_ENTRIES, maxMs = MAX_MS } = {},
): Promise<{ readonly entries: number }> {
  const until = performance.now() + maxMs;
  let entries = 0;
  while (!signal.aborted && performance.now() < until) {
    const step = await fillStep(deps, stepEntries);
    if (step === null) break;
    entries += step;
  }
  if (entries > 0) deps.logger.info({ entries }, 'made calls from entries that an earlier release copied');
  return { entries };
}

/** Null when nothing is left. */
function fillStep(deps: PastCallsDeps, limit: number): Promise<number | null> {
  return inTransaction(deps.pool, async client => {
    const position = await lockPastCalls(client);
    if (!position) return null;
    const entries = await selectPastCallEvents(client, position, limit);
    const last = entries.at(-1);
    if (!last) {
      await endPastCalls(client);
      return null;
    }
    const onUnstorable = async (row: unknown, err: unknown) =>
      deps.logger.error({ row, err }, 'PostgreSQL refused a call that an entry stands for');
    await fillCalls({ client, months: deps.months, onUnstorable }, entries);
    await movePastCalls(client, { epoch: last.epoch, seq: last.seq });
    return entries.length;
  });
}
