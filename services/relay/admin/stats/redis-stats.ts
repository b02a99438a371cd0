import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { parseStored } from '@3cx-relay/shared/log/stored-json.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { infoOfServer } from '@3cx-relay/shared/runtime/redis-server.ts';
import type { StatsAnswer } from '@3cx-relay/shared/wire/admin/stats.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';

type ActiveCalls = NonNullable<StatsAnswer['activeCalls']>;
type RedisStats = NonNullable<StatsAnswer['redis']>;

/** From the projection. */
export async function readActiveCalls(redis: Redis, keys: LogKeys): Promise<ActiveCalls> {
  const calls = await redis.hvals(keys.calls);
  const byState: Record<string, number> = {};
  for (const call of calls) {
    const state = parseStored<{ state: unknown }>(call)?.state;
    const name = typeof state === 'string' ? state : 'unknown';
    byState[name] = (byState[name] ?? 0) + 1;
  }
  return { total: calls.length, byState };
}

/** Five nodes of each channel are weighed and stand for the others: this is for a gauge, and asked for often. */
export async function readRedisStats(redis: Redis, keys: LogKeys): Promise<RedisStats> {
  const [info, ...sizes] = await Promise.all([
    infoOfServer(redis, keys.calls, 'memory'),
    ...CHANNELS.map(channel => redis.memory('USAGE', keys.log(channel))),
  ]);
  const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    usedBytes: numberOf('used_memory'),
    maxBytes: numberOf('maxmemory') || null,
    logBytes: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
  };
}
