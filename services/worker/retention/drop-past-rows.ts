import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { dropSamples } from '@3cx-relay/shared/store/connection-history.ts';
import { dropDeadLetters } from '@3cx-relay/shared/store/dead-letters.ts';
import { dropErrors } from '@3cx-relay/shared/store/error-log.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { HistoryDays } from './history-days.ts';

const DAY_MS = 24 * 3600 * 1_000;
/** Far below a second, so that a statement never meets its timeout: HISTORY_DAYS may have been lowered by a year. */
const STEP_ROWS = 10_000;

/** The tables beside events have no months to drop whole; an hour's worth of rows is few enough to delete. */
export async function dropPastRows(
  deps: { pool: PostgresPool['pool']; logger: Logger; stepRows?: number },
  historyDays: HistoryDays,
  signal: AbortSignal,
): Promise<void> {
  const maxRows = deps.stepRows ?? STEP_ROWS;
  const step = (channel: Channel) => ({ before: new Date(Date.now() - historyDays[channel] * DAY_MS), maxRows });
  const limits = { maxRows, signal };
  const samples = await inSteps(() => dropSamples(deps.pool, step('health')), limits);
  const errors = await inSteps(() => dropErrors(deps.pool, 'errors', step('errors')), limits);
  const auditLines = await inSteps(() => dropErrors(deps.pool, 'audit', step('audit')), limits);
  let deadLetters = 0;
  for (const channel of CHANNELS) {
    deadLetters += await inSteps(() => dropDeadLetters(deps.pool, channel, step(channel)), limits);
  }
  if (samples + errors + auditLines + deadLetters > 0)
    deps.logger.info({ samples, errors, auditLines, deadLetters }, 'dropped rows past their days');
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
