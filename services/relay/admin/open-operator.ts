import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createQueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { RelayConfig } from '../config.ts';
import type { AboutDeps } from './about/about-routes.ts';
import type { OpenAdminDeps } from './admin-deps.ts';
import type { VerificationDeps } from './audit/verification-routes.ts';
import type { ConnectionRoutesDeps, ConnectionRoutesOptions } from './connections/connection-routes.ts';
import type { ErrorExportOptions } from './errors/answer-export.ts';
import type { ErrorRoutesDeps } from './errors/error-routes.ts';
import type { DeadLetterDeps } from './queues/dead-letter-routes.ts';
import type { QueueRoutesDeps } from './queues/queue-routes.ts';
import type { StatsRoutesDeps } from './stats/stats-routes.ts';

/** Of what the relay has opened already. */
export type OpenOperatorDeps = Pick<
  OpenAdminDeps,
  'connection' | 'keys' | 'queue' | 'deliveries' | 'report' | 'tracker' | 'liveKeys' | 'audit' | 'logger'
> & { readonly now: () => number };

/** What the areas of the admin API need that show how the relay works and change it. */
export interface Operator {
  readonly deps: Omit<
    StatsRoutesDeps &
      AboutDeps &
      ConnectionRoutesDeps &
      ErrorRoutesDeps &
      QueueRoutesDeps &
      DeadLetterDeps &
      VerificationDeps,
    'auth'
  >;
  readonly options: ConnectionRoutesOptions & ErrorExportOptions;
  stop(): Promise<void>;
}

/** Statements of a panel: what takes longer is too much for a page. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** Connections of their own: whoever looks at statistics never keeps a key from being checked. */
export function openOperator(config: RelayConfig, deps: OpenOperatorDeps): Operator {
  const store = createPool({
    databaseUrl: config.DATABASE_URL,
    max: config.ADMIN_MAX_READS,
    name: 'relay panel',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    logger: deps.logger,
  });
  const jobs = { connection: deps.connection, keys: deps.keys, logger: deps.logger };
  const inspector = createQueueInspector(jobs);
  const upkeep = createJobQueue('upkeep', jobs);
  return {
    deps: { ...deps, redis: deps.connection.redis, pool: store.pool, inspector, upkeep, config },
    options: {
      maxHistoryDays: config.ADMIN_MAX_CONNECTION_HISTORY_DAYS,
      reconnectTimeoutMs: config.ADMIN_RECONNECT_TIMEOUT_MS,
      maxExports: config.RELAY_MAX_EXPORTS,
      stallMs: config.RELAY_EXPORT_STALL_MS,
    },
    async stop() {
      await Promise.all([inspector.stop(), upkeep.stop(), store.stop()]);
    },
  };
}
