import { readFileSync } from 'node:fs';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { drainChannel } from '../../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../../services/worker/retention/history-days.ts';
import { createMonths } from '../../../services/worker/retention/months.ts';
import { startLocalInfrastructure } from '../../harness/infra.ts';
import { createLogFiller } from '../../harness/log-filler.ts';
import { toCallEntry } from '../call-entries.ts';

/**
 * Rows a second that the persister copies of `calls` when the entries are whole calls: seven entries each, of which some
 * twenty calls are in progress at a time, bodies of about 1.5 kB. `node test/bench/history/drain-calls.ts [entries]`.
 */
const ENTRIES = Number(process.argv[2] ?? 100_000);
const RUNS = 3;

const logger = createLogger({ name: 'bench', level: 'silent' });
const infra = await startLocalInfrastructure();
await migrate({ databaseUrl: infra.databaseUrl });
const filler = createLogFiller({ redisUrl: infra.redisUrl, pbxId: 'bench' });
const store = createPool({ databaseUrl: infra.databaseUrl, name: 'bench', max: 6, logger });
const deps = {
  redis: filler.redis,
  keys: createLogKeys('bench'),
  pool: store.pool,
  months: createMonths({ pool: store.pool, logger }, sameDays(400)),
  metrics: createPersistMetrics(createMetrics('bench')),
  logger,
};
await deps.months.createAhead();

const startMs = Date.now() - 3_600_000;
for (let run = 0; run < RUNS; run += 1) {
  for (let from = 0; from < ENTRIES; from += 500) {
    await filler.append(
      Array.from({ length: Math.min(500, ENTRIES - from) }, (_, i) => toCallEntry(run * ENTRIES + from + i, startMs)),
    );
  }
  const [cpuBefore, serverBefore, startedAt] = [process.cpuUsage(), await serverCpu(), performance.now()];
  const { rows } = await drainChannel(deps, 'calls', AbortSignal.timeout(120_000));
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = (user + system) / 1e6;
  const server = (await serverCpu()) - serverBefore;
  console.log(
    `${rows} rows in ${seconds.toFixed(2)} s: ${Math.round(rows / seconds)} rows/s, CPU: node ${cpu.toFixed(2)} s, PostgreSQL ${server.toFixed(2)} s`,
  );
}
await filler.stop();
await store.stop();
await infra.stop();

/** Seconds of the connections, which others on the machine do not change as they change the rows per second. */
async function serverCpu(): Promise<number> {
  const { rows } = await store.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench' ORDER BY pid",
  );
  const ticks = rows.map(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []);
  return ticks.reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) / 100, 0);
}
