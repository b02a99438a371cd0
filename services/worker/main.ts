import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobWorker } from '@3cx-relay/shared/jobs/job-worker.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { exitBeforeStart, type RunningService, runService } from '@3cx-relay/shared/runtime/lifecycle.ts';
import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics, type Registry } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { type WorkerConfig, workerConfig } from './config.ts';
import { createMonths } from './partitions.ts';
import { drainChannel, type PersistDeps } from './persist.ts';
import { createPersistMetrics } from './persist-metrics.ts';
import { createProbe } from './probe.ts';
import { createSchedules } from './schedules.ts';
import { createTrimMetrics, trimChannels } from './trim.ts';

/** Each channel may be copied while another is; a copy may need a second connection to create its month. */
const DRAINS = CHANNELS.length;
const CONNECTIONS = 2 * DRAINS + 2;

async function start(config: WorkerConfig, logger: Logger, registry: Registry): Promise<RunningService> {
  await migrate({ databaseUrl: config.DATABASE_URL, logger });
  const keys = createLogKeys(config.PBX_ID);
  const store = createPool({ databaseUrl: config.DATABASE_URL, name: 'relay worker', max: CONNECTIONS, logger });
  const log = connectRedis(config.REDIS_URL, { name: 'worker', logger });
  const connection = connectForJobs(config.REDIS_URL, { name: 'worker-jobs', logger });
  const { pool } = store;
  const { redis } = log;

  const months = createMonths({ pool, logger }, { historyDays: config.HISTORY_DAYS });
  const persist: PersistDeps = { redis, keys, pool, months, metrics: createPersistMetrics(registry), logger };
  const trim = { redis, keys, pool, metrics: createTrimMetrics(registry), logger };
  const limits = { hours: config.LOG_HOURS, maxBytes: config.LOG_MAX_BYTES };

  const jobs = { connection, keys, logger };
  const queues = { persist: createJobQueue('persist', jobs), upkeep: createJobQueue('upkeep', jobs) };
  const drains = createJobWorker({
    ...jobs,
    queue: 'persist',
    concurrency: DRAINS,
    handlers: { 'drain-channel': async ({ channel }, signal) => void (await drainChannel(persist, channel, signal)) },
  });
  const upkeep = createJobWorker({
    ...jobs,
    queue: 'upkeep',
    concurrency: 1,
    handlers: {
      'trim-log': (_, signal) => trimChannels(trim, limits, signal),
      'keep-months': async () => {
        await months.createAhead();
        await months.dropPast();
      },
    },
  });
  const schedules = createSchedules({ ...queues, logger });
  const probes = [
    createProbe({ name: 'Redis', check: () => redis.ping() }),
    createProbe({ name: 'PostgreSQL', check: () => pool.query('SELECT 1') }),
  ];
  return {
    readiness: () => probes.flatMap(probe => probe.reasons()),
    stop: [
      { name: 'schedules', deadlineMs: 1_000, run: () => schedules.stop() },
      { name: 'jobs', deadlineMs: 6_000, run: async () => void (await Promise.all([drains.stop(), upkeep.stop()])) },
      {
        name: 'stores',
        deadlineMs: 2_000,
        run: async () => {
          for (const probe of probes) probe.stop();
          await Promise.all([queues.persist.stop(), queues.upkeep.stop()]);
          await Promise.all([store.stop(), log.stop(), connection.stop()]);
        },
      },
    ],
  };
}

try {
  const config = readConfig(workerConfig, process.env);
  const logger = createLogger({ name: 'worker', level: config.LOG_LEVEL });
  const registry = createMetrics('worker');
  const internalPort = config.INTERNAL_PORT;
  await runService({ name: 'worker', logger, registry, internalPort, start: () => start(config, logger, registry) });
} catch (error) {
  exitBeforeStart('worker', null, error);
}
