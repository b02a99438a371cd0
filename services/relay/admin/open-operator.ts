import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { HealthReport } from '../health.ts';
import type { RelayConfig } from '../relay.ts';
import type { ConnectionRoutesDeps, ConnectionRoutesOptions } from './connections/connection-routes.ts';

/** What the relay has opened already. */
export interface OpenOperatorDeps {
  readonly queue: JobQueue<'pbx'>;
  readonly report: () => Promise<HealthReport>;
  readonly audit: AuditLog;
  readonly logger: Logger;
  readonly now: () => number;
}

/** What the areas of the admin API need that show how the relay works and change it. */
export interface Operator {
  readonly deps: Omit<ConnectionRoutesDeps, 'auth'>;
  readonly options: ConnectionRoutesOptions;
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
  return {
    deps: { ...deps, pool: store.pool },
    options: {
      maxHistoryDays: config.ADMIN_MAX_CONNECTION_HISTORY_DAYS,
      reconnectTimeoutMs: config.ADMIN_RECONNECT_TIMEOUT_MS,
    },
    stop: () => store.stop(),
  };
}
