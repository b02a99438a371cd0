import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { pingServerOf } from '@3cx-relay/shared/runtime/redis-server.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { recallLogs } from '@3cx-relay/shared/store/recall-logs.ts';

/**
 * Before this process writes its first entry: what Redis forgot together with the process before. A failover that lost
 * its tail while ingest was down would otherwise give the same numbers out twice.
 */
export interface Recall {
  /** Resolves when it was done, or could not be because PostgreSQL is away. @throws while Redis is away */
  done(): Promise<void>;
}

export function createRecall(
  deps: { redis: Redis; keys: LogKeys; logger: Logger },
  databaseUrl: string | undefined,
): Recall {
  let recalling: Promise<void> | undefined;

  async function recall(url: string): Promise<void> {
    const store = createPool({ databaseUrl: url, name: 'relay ingest recall', max: 1, logger: deps.logger });
    try {
      await recallLogs({ ...deps, pool: store.pool });
    } finally {
      void store.stop();
    }
  }

  return {
    async done() {
      if (databaseUrl === undefined) return;
      // First, because a Redis that is away would count as one that has forgotten nothing.
      if (!recalling) await pingServerOf(deps.redis, deps.keys.meta('calls'));
      recalling ??= recall(databaseUrl);
      await recalling;
    },
  };
}
