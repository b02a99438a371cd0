import { hostname } from 'node:os';
import { createServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readConfig, unknownKeys } from '@3cx-relay/shared/runtime/config.ts';
import { readSettings } from '@3cx-relay/shared/runtime/credentials.ts';
import { exitBeforeStart, type RunningService, runService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createProbe } from '@3cx-relay/shared/runtime/probe.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { pingServerOf } from '@3cx-relay/shared/runtime/redis-server.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { createSchemaGuard } from '@3cx-relay/shared/store/schema-guard.ts';
import { Gauge, type Registry } from 'prom-client';
import { type IngestConfig, ingestConfig, pbxUrlOf } from './config.ts';
import { createHandOver } from './hand-over.ts';
import { IngestLease } from './lease/ingest-lease.ts';
import { openLeaseOwner } from './lease/lease-owner.ts';
import { lockSpoolFolder } from './log/spool-lock.ts';
import { reportStandby } from './status.ts';

const FLUSH_ERRORS_MS = 500;

async function start(config: IngestConfig, own: { logger: Logger; registry: Registry }): Promise<RunningService> {
  const { logger, registry } = own;
  const keys = createLogKeys(config.PBX_ID);
  const schema = await guardSchema(config.DATABASE_URL, logger);
  const redisConnection = connectRedis(config.REDIS_URL, { name: 'ingest', logger });
  const { redis } = redisConnection;
  const spoolLock = lockSpoolFolder(config.SPOOL_DIR);
  const owner = openLeaseOwner(config.SPOOL_DIR, config.PBX_ID);
  const here = { host: hostname(), pid: process.pid };
  const lease = new IngestLease({ leaseMs: config.INGEST_LEASE_MS, ...here }, { redis, keys, owner, logger });
  createHolderMetric(registry, lease);
  const standbyErrors = createServiceErrors({ redis, keys }, { service: 'ingest', logger });
  const handOver = createHandOver(config, {
    lease,
    owner,
    host: here.host,
    errors: standbyErrors.errors,
    redis,
    keys,
    ...own,
  });
  const startedAt = new Date().toISOString();
  const standby = reportStandby({ redis, keys }, () =>
    !lease.isStandby || lease.standbyReason === null
      ? null
      : { host: here.host, since: startedAt, reason: lease.standbyReason },
  );
  // While the PBX is silent nothing is appended that would fail: a frozen Redis must be asked to be noticed.
  const probe = createProbe({ name: 'Redis', check: () => pingServerOf(redis, keys.meta('calls')) });
  await handOver.decided;

  return {
    errors: handOver.errors,
    refused: Promise.race([handOver.failed, ...(schema ? [schema.refused] : [])]),
    readiness: () => [
      ...(lease.standbyReason === null ? (handOver.term?.readiness() ?? ['starting']) : [lease.standbyReason]),
      ...(redis.status === 'ready' ? probe.reasons() : [`Redis is ${redis.status}`]),
    ],
    stop: [
      {
        name: 'finish commands',
        deadlineMs: 6_000,
        run: () => {
          handOver.stop();
          return handOver.term?.finishCommands();
        },
      },
      { name: 'close the PBX connection', deadlineMs: 1_000, run: () => handOver.term?.disconnect() },
      {
        name: 'drain the window',
        // The last question may just have been asked.
        deadlineMs: config.INGEST_GET_DEADLINE_MS + 2_000,
        run: () => handOver.term?.drain(),
      },
      {
        name: 'flush the log',
        deadlineMs: 5_000,
        run: async () => {
          await Promise.all([handOver.term?.flush(), standbyErrors.stop(FLUSH_ERRORS_MS)]);
          // What is left in the spool file goes in at the next start, unless another one has written by then.
          await lease.stop({ isReleased: (handOver.term?.spoolBytes ?? 0) === 0 });
          spoolLock.release();
        },
      },
      {
        name: 'close XAPI and the databases',
        deadlineMs: 2_000,
        run: () => Promise.all([handOver.term?.close(), schema?.stop()]).then(() => undefined),
      },
      {
        name: 'close Redis',
        deadlineMs: 1_000,
        run: async () => {
          probe.stop();
          await standby.stop();
          await redisConnection.stop();
        },
      },
    ],
  };
}

function createHolderMetric(registry: Registry, lease: IngestLease): void {
  new Gauge({
    name: 'relay_ingest_is_holder',
    help: '1 while this ingest has the lease and writes the log, 0 while it stands by',
    registers: [registry],
    collect() {
      this.set(lease.isHolder ? 1 : 0);
    },
  });
}

async function guardSchema(databaseUrl: string | undefined, logger: Logger) {
  if (databaseUrl === undefined) return null;
  const store = createPool({ databaseUrl, name: 'relay ingest schema', max: 1, logger });
  const guard = createSchemaGuard(store.pool, logger);
  await guard.atStart();
  return {
    refused: guard.refused,
    stop() {
      guard.stop();
      return store.stop();
    },
  };
}

try {
  const settings = readSettings(process.env);
  const config = readConfig(ingestConfig, settings);
  const logger = createLogger({ name: 'ingest', level: config.LOG_LEVEL });
  const registry = createMetrics('ingest');
  logger.info({ pbx: pbxUrlOf(config), pbxId: config.PBX_ID }, 'ingest: starting');
  for (const key of unknownKeys(ingestConfig, settings, 'INGEST_')) logger.warn(`${key} is not a setting of ingest`);
  const internalPort = config.INTERNAL_PORT;
  await runService({
    name: 'ingest',
    logger,
    registry,
    internalPort,
    internalHost: config.INTERNAL_HOST,
    start: () => start(config, { logger, registry }),
  });
} catch (error) {
  exitBeforeStart('ingest', null, error);
}
