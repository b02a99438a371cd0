import { createServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import { watchWrites } from '@3cx-relay/shared/errors/watch-writes.ts';
import { createAuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { compareSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { readSettings } from '@3cx-relay/shared/runtime/credentials.ts';
import { exitBeforeStart, type RunningService, runService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createProbe } from '@3cx-relay/shared/runtime/probe.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { pingServerOf } from '@3cx-relay/shared/runtime/redis-server.ts';
import { createStatusReporter } from '@3cx-relay/shared/runtime/status-reporter.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { Registry } from 'prom-client';
import { anchorAudit } from './audit/anchor-audit.ts';
import { createAuditMetrics } from './audit/audit-metrics.ts';
import { proveAudit } from './audit/prove-audit.ts';
import { sealPastAudit } from './audit/seal-audit.ts';
import { type WorkerConfig, workerConfig } from './config.ts';
import { createJobs, DRAINS, UPKEEPS } from './jobs.ts';
import { migrateAndTell } from './migrate-and-tell.ts';
import { createLagWatch } from './persist/lag-watch.ts';
import { createPersistMetrics } from './persist/persist-metrics.ts';
import { createQuarantine } from './persist/quarantine.ts';
import { retryDeadLetters } from './persist/retry-dead-letters.ts';
import { createJobReport } from './report-jobs.ts';
import { dropPastRows } from './retention/drop-past-rows.ts';
import { historyDaysOf } from './retention/history-days.ts';
import { createMonths } from './retention/months.ts';
import { createLogKeeper } from './trim/log-keeper.ts';
import { createTrimMetrics } from './trim/trim-metrics.ts';

/** A copy may need a second connection to create its month, and so may a job of upkeep; one is for the probe. */
const CONNECTIONS = 2 * DRAINS + 2 * UPKEEPS + 1;

async function start(config: WorkerConfig, logger: Logger, registry: Registry): Promise<RunningService> {
  const log = connectRedis(config.REDIS_URL, { name: 'worker', logger });
  const keys = createLogKeys(config.PBX_ID);
  const { redis } = log;
  const reporting = createServiceErrors({ redis, keys }, { service: 'worker', logger });
  const { errors } = reporting;
  // From the beginning: one that waits for PostgreSQL is there as well.
  const status = createStatusReporter({ redis, key: keys.workerStatus });
  const writes = watchWrites(status, { logger, errors });
  await migrateAndTell(config.DATABASE_URL, { ...reporting, logger });
  const store = createPool({ databaseUrl: config.DATABASE_URL, name: 'relay worker', max: CONNECTIONS, logger });
  const { pool } = store;

  const historyDays = historyDaysOf(config);
  const audit = createAuditLog({ redis, keys, logger }, { service: 'worker' });
  // Nobody waits for it: Redis may be away for long.
  void compareSettings({ redis, keys, logger, audit: audit.write }, 'worker', config);
  const months = createMonths({ pool, logger }, historyDays);
  const persistMetrics = createPersistMetrics(registry);
  const auditMetrics = createAuditMetrics(registry);
  const lag = createLagWatch({ redis, keys, metrics: persistMetrics });
  const jobs = createJobs({
    redisUrl: config.REDIS_URL,
    keys,
    logger,
    persist: {
      ...{ redis, keys, pool, months, logger, errors },
      metrics: persistMetrics,
      quarantine: createQuarantine({ logger, errors }),
    },
    index: { pool, months },
    logKeeper: createLogKeeper(
      { redis, keys, pool, metrics: createTrimMetrics(registry), logger, errors },
      { hours: config.LOG_HOURS, maxBytes: config.LOG_MAX_BYTES },
    ),
    months,
    report: createJobReport({ logger, errors }),
    dropPastRows: signal => dropPastRows({ pool, logger }, historyDays, signal),
    retryDeadLetters: signal => retryDeadLetters({ pool, months, logger }, signal),
    anchorAudit: () =>
      anchorAudit(
        { pool, logger, errors },
        { file: config.AUDIT_ANCHOR_FILE, everyHours: config.AUDIT_ANCHOR_HOURS },
      ).then(auditMetrics.anchored),
    verifyAudit: request =>
      proveAudit(
        { pool, logger, audit, errors },
        { ...request, file: config.AUDIT_ANCHOR_FILE, historyDays: historyDays.audit },
      ).then(auditMetrics.proved),
    sealAudit: () => sealPastAudit({ pool, logger, audit }, historyDays.audit),
  });
  const probes = [
    createProbe({ name: 'Redis', check: () => pingServerOf(redis, keys.meta('calls')) }),
    createProbe({ name: 'PostgreSQL', check: store.ping }),
  ];
  return {
    errors,
    // Its jobs are in Redis, and to take one is a write.
    readiness: () => [...probes, status].flatMap(each => each.reasons()),
    stop: [
      { name: 'jobs', deadlineMs: 7_000, run: () => jobs.stop() },
      {
        name: 'error and audit entries',
        deadlineMs: 1_500,
        run: () => Promise.all([reporting.stop(1_000), audit.stop(1_000)]).then(() => undefined),
      },
      {
        name: 'stores',
        deadlineMs: 2_000,
        run: async () => {
          for (const each of [lag, writes, ...probes]) each.stop();
          await status.stop();
          await Promise.all([store.stop(), log.stop()]);
        },
      },
    ],
  };
}

try {
  const settings = readSettings(process.env);
  const config = readConfig(workerConfig, settings);
  const logger = createLogger({ name: 'worker', level: config.LOG_LEVEL });
  const registry = createMetrics('worker');
  const internalPort = config.INTERNAL_PORT;
  await runService({
    name: 'worker',
    logger,
    registry,
    internalPort,
    internalHost: config.INTERNAL_HOST,
    start: () => start(config, logger, registry),
  });
} catch (error) {
  exitBeforeStart('worker', null, error);
}
