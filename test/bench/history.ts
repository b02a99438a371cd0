import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { dropMonths, MONTHLY_TABLES, type MonthlyTable } from '@3cx-relay/shared/store/months.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type pg from 'pg';
import { startPostgres } from '../../install/dev/postgres.ts';
import { openHistory } from '../../services/relay/public/history/open-history.ts';
import { indexEvents } from '../../services/worker/index/index-events.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { callQueries, fillCalls } from './history/calls.ts';
import { exportQueries } from './history/exports.ts';
import { beginning, type FillOptions, fillEvents, MONTHS } from './history/fill-events.ts';
import { type Measured, measure } from './history/measure.ts';
import { eventQueries } from './history/queries.ts';

/**
 * What the persisted history costs: fills a PostgreSQL of its own with events and with a tenth as many calls, lets the
 * worker's index job go over the events, asks, and drops the oldest month of each table.
 * `npm run bench:history -- --rows 1000000`; ten million rows need some 10 GB below TMPDIR and some minutes. The table is
 * also written to .data/bench/history.json.
 */
const { values } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } });
const options: FillOptions = { rows: Number(values.rows), until: Date.now() };
const logger = createLogger({ name: 'bench', level: 'warn' });
/** What took how many seconds. */
const seconds: Record<string, number> = {};

const dir = await mkdtemp(join(tmpdir(), '3cx-relay-bench-history-'));
const server = await startPostgres({ dir });
const history = openHistory({ databaseUrl: server.url, maxReads: 2, maxStatisticsRows: 20_000 }, logger);
const store = createPool({ databaseUrl: server.url, name: 'bench', max: 4, logger, statementTimeoutMs: 900_000 });
try {
  const table = await run(store.pool);
  await mkdir('.data/bench', { recursive: true });
  const calls = callsOf(options);
  await writeFile('.data/bench/history.json', JSON.stringify({ events: options.rows, calls, seconds, table }, null, 2));
} finally {
  await history.stop();
  await store.stop();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

async function run(pool: pg.Pool): Promise<Measured[]> {
  await migrate({ databaseUrl: server.url });
  const months = createMonths({ pool, logger }, sameDays(450));
  const from = beginning(options);
  const times = Array.from({ length: MONTHS + 1 }, (_, n) => from + (n * (options.until - from)) / MONTHS);
  await months.ensure('events_calls', times);
  await timed(`${options.rows} events`, () => fillEvents(pool, options));
  await timed(`${callsOf(options)} calls`, () => fillCalls(pool, callsOf(options)));
  await timed('indexing', async () => {
    while ((await indexEvents({ pool, months }, 'calls', AbortSignal.timeout(3_600_000))).segments > 0);
  });
  await timed('vacuum analyze', () => pool.query('VACUUM ANALYZE'));
  await printSizes(pool);

  const table: Measured[] = [];
  const queries = [...eventQueries(options), ...callQueries(), ...exportQueries(history.sources)];
  for (const query of queries) table.push(await measure(pool, query));
  table.push(...(await dropOldest(pool)));
  console.table(table);
  return table;
}

function callsOf({ rows }: FillOptions): number {
  return Math.ceil(rows / 10);
}

async function dropOldest(pool: pg.Pool): Promise<Measured[]> {
  const before = new Date(beginning(options) + (365.25 / 12) * 86_400_000);
  const table: Measured[] = [];
  for (const name of Object.keys(MONTHLY_TABLES) as MonthlyTable[]) {
    const startedAt = performance.now();
    const { length: rows } = await dropMonths(pool, name, before);
    const ms = performance.now() - startedAt;
    if (rows > 0)
      table.push({ query: `dropping the oldest month of ${name}`, rows, ms, target: 1_000, met: ms <= 1_000 });
  }
  return table;
}

async function printSizes(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(`
    SELECT parent.relname AS of, pg_size_pretty(sum(pg_table_size(relid))) AS rows, pg_size_pretty(sum(pg_indexes_size(relid))) AS indexes
    FROM unnest(ARRAY['events_calls', 'event_index_calls', 'calls', 'call_parties', 'call_sums']) AS name
    JOIN pg_class parent ON parent.oid = name::regclass, pg_partition_tree(name::regclass)
    GROUP BY parent.relname ORDER BY parent.relname DESC`);
  console.table(rows);
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await work();
  seconds[what] = Number(((performance.now() - startedAt) / 1_000).toFixed(1));
  console.log(`${what}: ${seconds[what]} s`);
}
