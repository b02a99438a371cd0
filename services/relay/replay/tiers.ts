import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { Registry } from 'prom-client';
import { reportReplay } from '../errors/report-replay.ts';
import { createColdLog } from './cold-log.ts';
import { createReplay, type Replay } from './replay.ts';
import { createReplayMetrics, type ReplayMetrics } from './replay-metrics.ts';
import { createTieredLog, type TieredLog } from './tiered-log.ts';

/** What stands behind the ring: the log over Redis and PostgreSQL, and the pages that clients share. */
export interface Tiers {
  readonly log: TieredLog;
  readonly replay: Replay;
  readonly metrics: ReplayMetrics;
  stop(): Promise<void>;
}

export interface TiersOptions {
  readonly databaseUrl: string;
  readonly pageEntries: number;
  readonly cacheBytes: number;
  readonly maxReads: number;
  readonly maxColdReads: number;
}

/** A page takes milliseconds: who waits longer is told, and comes back when PostgreSQL does. */
const HISTORY_TIMEOUT_MS = 3_000;

/** History has connections of its own, so that a crowd which reads it never keeps a key from being checked. */
export function createTiers(
  deps: { redis: Redis; keys: LogKeys; registry: Registry; errors: ErrorSink; logger: Logger },
  options: TiersOptions,
): Tiers {
  const { redis, keys } = deps;
  const history = createPool({
    databaseUrl: options.databaseUrl,
    max: options.maxColdReads,
    name: 'relay history',
    statementTimeoutMs: HISTORY_TIMEOUT_MS,
    logger: deps.logger,
  });
  const metrics = createReplayMetrics(deps.registry);
  const cold = createColdLog({ pool: history.pool }, { maxReads: options.maxColdReads });
  const log = createTieredLog({ redis, keys, cold }, { maxReads: options.maxReads });
  const { pageEntries, cacheBytes } = options;
  const replay = createReplay(log, { pageEntries, cacheBytes, onRead: metrics.replayed });
  return { log, replay: reportReplay(replay, deps.errors), metrics, stop: history.stop };
}
