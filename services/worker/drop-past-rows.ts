import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { dropSamples } from '@3cx-relay/shared/store/connection-history.ts';
import { dropErrors } from '@3cx-relay/shared/store/error-log.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';

const DAY_MS = 24 * 3600 * 1_000;
/** Far below a second, so that a statement never meets its timeout: HISTORY_DAYS may have been lowered by a year. */
const STEP_ROWS = 10_000;

/** The tables beside events have no months to drop whole; an hour's worth of rows is few enough to delete. */
export async function dropPastRows(
  deps: { pool: PostgresPool['pool']; logger: Logger; stepRows?: number },
  limits: { historyDays: number },
  signal: AbortSignal,
): Promise<void> {
  const before = new Date(Date.now() - limits.historyDays * DAY_MS);
  const step = { before, maxRows: deps.stepRows ?? STEP_ROWS };
  const samples = await inSteps(() => dropSamples(deps.pool, step), { maxRows: step.maxRows, signal });
  const errors = await inSteps(() => dropErrors(deps.pool, step), { maxRows: step.maxRows, signal });
  if (samples + errors > 0) deps.logger.info({ samples, errors }, 'dropped rows past HISTORY_DAYS');
}

async function inSteps(
  drop: () => Promise<number>,
  { maxRows, signal }: { maxRows: number; signal: AbortSignal },
): Promise<number> {
  let dropped = 0;
  while (!signal.aborted) {
    const rows = await drop();
    dropped += rows;
    if (rows < maxRows) break;
  }
  return dropped;
}
