import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { trimLog } from '@3cx-relay/shared/log/trim.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * Keeps the log in Redis within its hours and its bytes, behind what is persisted. The position comes from
 * PostgreSQL, where it is committed with the rows: while PostgreSQL is away this job fails and nothing is trimmed.
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

export interface TrimMetrics {
  readonly trimmed: Counter<'channel'>;
  readonly bytes: Gauge<'channel'>;
}

export function createTrimMetrics(registry: Registry): TrimMetrics {
  const registers = [registry];
  return {
    trimmed: new Counter({
      name: 'relay_log_trimmed_total',
      help: 'Log entries removed from Redis after they were persisted',
      labelNames: ['channel'],
      registers,
    }),
    bytes: new Gauge({
      name: 'relay_log_bytes',
      help: 'Memory of the log in Redis before the last trim, bytes',
      labelNames: ['channel'],
      registers,
    }),
  };
}

const HOUR_MS = 3_600_000;

interface Size {
  readonly channel: Channel;
  readonly entries: number;
  readonly bytes: number;
}

export async function trimChannels(deps: TrimDeps, limits: TrimLimits, signal: AbortSignal): Promise<void> {
  const positions = await readPositions(deps.pool);
  const sizes = await Promise.all(CHANNELS.map(channel => sizeOf(deps, channel)));
  const totalBytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  // Every channel gives up the same share: a quiet one holds little, so it loses little.
  const share = Math.min(1, limits.maxBytes / Math.max(1, totalBytes));
  for (const { channel, entries, bytes } of sizes) {
    deps.metrics.bytes.set({ channel }, bytes);
    const persisted = positions.get(channel);
    if (!persisted || signal.aborted) continue;
    const { removed } = await trimLog(
      { redis: deps.redis, keys: deps.keys, channel },
      {
        persisted,
        tooOldBefore: (deps.now ?? Date.now)() - limits.hours * HOUR_MS,
        keepNewest: share < 1 ? Math.floor(entries * share) : Number.MAX_SAFE_INTEGER,
      },
      signal,
    );
    deps.metrics.trimmed.inc({ channel }, removed);
    if (removed > 0) deps.logger.debug({ channel, removed }, 'trimmed the log');
  }
}

async function sizeOf(deps: TrimDeps, channel: Channel): Promise<Size> {
  const key = deps.keys.log(channel);
  const [entries, bytes] = await Promise.all([deps.redis.xlen(key), deps.redis.memory('USAGE', key)]);
  return { channel, entries, bytes: bytes ?? 0 };
}
