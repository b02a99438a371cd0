import { randomBytes } from 'node:crypto';
import { announce } from '@3cx-relay/shared/errors/announce.ts';
import { watchWrites } from '@3cx-relay/shared/errors/watch-writes.ts';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { type AuditRecord, auditEntry } from '@3cx-relay/shared/log/audit-entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { compareSettings } from '@3cx-relay/shared/runtime/compare-settings.ts';
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
import type { Registry } from 'prom-client';
import { type IngestConfig, ingestConfig, pbxUrlOf } from './config.ts';
import { createPbxControl } from './control/pbx-control.ts';
import { noteBegin, readEarlierRun } from './earlier-run.ts';
import { createIngestErrors, spoolUnwritable } from './errors/ingest-errors.ts';
import { reportConnection } from './errors/report-connection.ts';
import { createIngestion } from './ingestion.ts';
import { DurableLog } from './log/durable-log.ts';
import { createRecall } from './log/recall.ts';
import { Spool } from './log/spool.ts';
import { lockSpoolFolder } from './log/spool-lock.ts';
import { connectPbx } from './pbx/connect-pbx.ts';
import { createRecoveryNotes } from './records/record-entry.ts';
import { reportIngestStatus } from './status.ts';

async function start(config: IngestConfig, own: { logger: Logger; registry: Registry }): Promise<RunningService> {
  const { logger } = own;
  const errors = createIngestErrors((channel, entry) => log.write(channel, entry));
  const deps = { ...own, errors };
  const keys = createLogKeys(config.PBX_ID);
  const schema = await guardSchema(config.DATABASE_URL, logger);
  const redisConnection = connectRedis(config.REDIS_URL, { name: 'ingest', logger });
  const { redis } = redisConnection;
  const recall = createRecall({ redis, keys, logger }, config.DATABASE_URL);
  const spoolLock = lockSpoolFolder(config.SPOOL_DIR);
  const spool = await Spool.open({
    folder: config.SPOOL_DIR,
    name: `ingest-${config.PBX_ID}.jsonl`,
    onError: error => announce(deps, spoolUnwritable(error)),
  });
  const writerId = `ingest-${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
  const log = new DurableLog(
    { writerId, maxSpoolBytes: config.SPOOL_MAX_BYTES, maxRestMs: config.INGEST_MAX_REST_MS },
    {
      append: async (channel, batch) => {
        await recall.done();
        return appendToLog({ redis, keys, channel }, batch);
      },
      spool,
      ...deps,
    },
  );
  // What an earlier process could not write comes before anything new.
  await log.direct();
  const audit = (record: AuditRecord) => log.write('audit', auditEntry(Date.now(), record));
  // Nobody waits for it: Redis may be away for long.
  void compareSettings({ redis, keys, logger, audit }, 'ingest', config);
  const earlier = await readEarlierRun({ redis, keys }, { logger });
  const pbx = connectPbx(config, deps);
  if (!earlier.isAny) {
    pbx.socket.subscribe(news => {
      // Without Redis what comes goes to the spool, which tells of itself.
      if (news.kind === 'open') noteBegin({ redis, keys }, news.at).catch(() => undefined);
    });
  }
  const ingestion = createIngestion(config, {
    pbx,
    log,
    earlier,
    readProjection: () => readSnapshot(redis, keys),
    cdr: pbx.cdr,
    notes: createRecoveryNotes(fields => redis.hdel(keys.recovery, ...fields)),
    ...deps,
  });
  const control = await createPbxControl(config, { pbx, ingestion, redis, keys, log, ...deps });
  const status = reportIngestStatus({ redis, keys }, () => ({
    state: pbx.socket.state,
    socketSince: isoOf(pbx.socket.openSince),
    lastFrameAt: isoOf(ingestion.lastFrameAt),
    spoolBytes: log.spoolBytes,
    error: pbx.socket.error ?? ingestion.error,
    database: pbx.database.source,
    ...ingestion.facts,
    ...control.status,
  }));
  // While the PBX is silent nothing is appended that would fail: a frozen Redis must be asked to be noticed.
  const probe = createProbe({ name: 'Redis', check: () => pingServerOf(redis, keys.meta('calls')) });
  const writes = watchWrites(status, deps);
  const connectionReport = reportConnection(pbx.socket, deps);
  pbx.socket.start();
  // Nobody waits for it; it says by itself what it came to.
  pbx.database.connect().catch(() => undefined);

  return {
    errors,
    ...(schema ? { refused: schema.refused } : {}),
    readiness: () => [
      ...(pbx.socket.state === 'connected' ? [] : [pbx.socket.error ?? 'the PBX is not connected']),
      ...(log.isSpooling
        ? [status.refusal === null ? 'spooling: Redis is away' : 'spooling until Redis takes writes again']
        : []),
      ...(redis.status === 'ready' ? probe.reasons() : [`Redis is ${redis.status}`]),
      ...status.reasons(),
    ],
    stop: [
      { name: 'finish commands', deadlineMs: 6_000, run: () => control.finish() },
      {
        name: 'close the PBX connection',
        deadlineMs: 1_000,
        run: () => {
          connectionReport.stop();
          pbx.socket.stop();
        },
      },
      {
        name: 'drain the window',
        // The last question may just have been asked.
        deadlineMs: config.INGEST_GET_DEADLINE_MS + 2_000,
        run: () => ingestion.drain(),
      },
      {
        name: 'flush the log',
        deadlineMs: 5_000,
        run: async () => {
          errors.flush();
          await log.stop(2_000);
          spoolLock.release();
        },
      },
      {
        name: 'close XAPI and the databases',
        deadlineMs: 2_000,
        run: () => Promise.all([pbx.stop(), control.stop(), schema?.stop()]).then(() => undefined),
      },
      {
        name: 'close Redis',
        deadlineMs: 1_000,
        run: async () => {
          probe.stop();
          writes.stop();
          await status.stop();
          await redisConnection.stop();
        },
      },
    ],
  };
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

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
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
