import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { dropSamples } from '@3cx-relay/shared/store/connection-history.ts';
import { dropErrors } from '@3cx-relay/shared/store/error-log.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';

const DAY_MS = 24 * 3600 * 1_000;

/** The tables beside events have no months to drop whole; an hour's worth of rows is few enough to delete. */
export async function dropPastRows(
  deps: { pool: PostgresPool['pool']; logger: Logger },
  limits: { historyDays: number },
): Promise<void> {
  const before = new Date(Date.now() - limits.historyDays * DAY_MS);
  const samples = await dropSamples(deps.pool, before);
  const errors = await dropErrors(deps.pool, before);
  if (samples + errors > 0) deps.logger.info({ samples, errors }, 'dropped rows past HISTORY_DAYS');
}
