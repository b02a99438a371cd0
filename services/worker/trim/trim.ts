import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { trimLog } from '@3cx-relay/shared/log/trim.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { measureLog, persistedBytes, totalBytes } from './log-sizes.ts';
import type { TrimMetrics } from './trim-metrics.ts';

/**
 * Keeps the log in Redis within its hours and its bytes, behind what is persisted. The position comes from
 * PostgreSQL, where it is committed with the rows: while PostgreSQL is away nothing goes because of its age. What is done
 * when there is no room any more stands in log-keeper.ts.
 */
export interface TrimDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: PostgresPool['pool'];
  readonly logger: Logger;
  readonly metrics: TrimMetrics;
  readonly now?: () => number;
}

export interface TrimLimits {
  readonly hours: number;
  /** Over all channels. */
  readonly maxBytes: number;
}

const HOUR_MS = 3_600_000;

export async function trimChannels(deps: TrimDeps, limits: TrimLimits, signal: AbortSignal): Promise<void> {
  const tooOldBefore = (deps.now ?? Date.now)() - limits.hours * HOUR_MS;
  await trimTo(deps, { positions: await readPositions(deps.pool), tooOldBefore, maxBytes: limits.maxBytes }, signal);
}

export interface TrimTarget {
  /** What is persisted; nothing else goes. */
  readonly positions: ReadonlyMap<Channel, LogPosition>;
  /** Unix ms. */
  readonly tooOldBefore: number;
  readonly maxBytes: number;
}

/** One pass; the bytes of an entry are an average, so that a second one may find some more to do. */
export async function trimTo(
  deps: Omit<TrimDeps, 'pool'>,
  { positions, tooOldBefore, maxBytes }: TrimTarget,
  signal: AbortSignal,
): Promise<void> {
  const sizes = await measureLog(deps, positions);
  deps.metrics.measured(sizes, maxBytes);
  const over = totalBytes(sizes) - maxBytes;
  // Every channel gives up the same share of what it can give: a quiet one holds little, so it loses little.
  const share = over > 0 ? Math.min(1, over / Math.max(1, persistedBytes(sizes))) : 0;
  for (const { channel, entries, persistedEntries } of sizes) {
    const persisted = positions.get(channel);
    if (!persisted || signal.aborted) continue;
    const tooMany = Math.ceil(share * persistedEntries);
    const { removed } = await trimLog(
      { redis: deps.redis, keys: deps.keys, channel },
      { persisted, tooOldBefore, keepNewest: tooMany > 0 ? entries - tooMany : Number.MAX_SAFE_INTEGER },
      signal,
    );
    deps.metrics.trimmed.inc({ channel }, removed);
    if (removed > 0) deps.logger.debug({ channel, removed }, 'trimmed the log');
  }
}
