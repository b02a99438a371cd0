import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { lagSeconds, type PersistLag, readPersistLag } from '@3cx-relay/shared/log/persist-lag.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { PersistMetrics } from './persist-metrics.ts';

/**
 * Says how far PostgreSQL is behind, whether copying succeeds or not: measured beside it, from Redis alone. While Redis
 * does not answer, what waited last goes on growing older.
 */
export interface LagWatch {
  stop(): void;
}

const EVERY_MS = 2_000;

export function createLagWatch(deps: {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly metrics: PersistMetrics;
  readonly everyMs?: number;
}): LagWatch {
  const stopping = new AbortController();
  let known: ReadonlyMap<Channel, PersistLag> = new Map();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      known = await readPersistLag(deps.redis, deps.keys).catch(() => known);
      for (const [channel, lag] of known) {
        deps.metrics.lag.set({ channel }, lag.entries);
        deps.metrics.lagSeconds.set({ channel }, lagSeconds(lag, Date.now()));
      }
      await sleep(deps.everyMs ?? EVERY_MS, stopping.signal);
    }
  }

  void run();
  return { stop: () => stopping.abort() };
}
