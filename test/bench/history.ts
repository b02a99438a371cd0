import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { dropMonths, MONTHLY_TABLES, type MonthlyTable } from '@3cx-relay/shared/store/months.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type pg from 'pg';
import { startPostgres } from '../../install/dev/postgres.ts';
import { sameDays } from '../../services/worker/history-days.ts';
import { indexEvents } from '../../services/worker/index-events.ts';
import { createMonths } from '../../services/worker/months.ts';
import { countBuffers } from './history/count-buffers.ts';
import { beginning, type FillOptions, fillEvents, MONTHS } from './history/fill-events.ts';
import { eventQueries, type HistoryQuery } from './history/queries.ts';

/**
 * What the persisted history costs: fills a PostgreSQL of its own, lets the worker's index job go over it, and asks.
 * `npm run bench:history -- --rows 1000000`; ten million rows need some 10 GB below TMPDIR and some minutes.
 */
const TARGET_MS = 50;
const ROUNDS = 5;
const { values } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } });
const options: FillOptions = { rows: Number(values.rows), until: Date.now() };
const logger = createLogger({ name: 'bench', level: 'warn' });

const dir = await mkdtemp(join(tmpdir(), '3cx-relay-bench-history-'));
const server = await startPostgres({ dir });
const store = createPool({ databaseUrl: server.url, name: 'bench', max: 4, logger, statementTimeoutMs: 600_000 });
try {
  await run(store.pool);
} finally {
  await store.stop();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

async function run(pool: pg.Pool): Promise<void> {
  await migrate({ databaseUrl: server.url });
  const months = createMonths({ pool, logger }, sameDays(450));
  await fill(pool, months);
  await timed('indexing', async () => {
    while ((await indexEvents({ pool, months }, 'calls', AbortSignal.timeout(3_600_000))).segments > 0);
  });
  await timed('vacuum analyze', () => pool.query('VACUUM ANALYZE'));
  await printSizes(pool);

  const queries: HistoryQuery[] = [...eventQueries(options)];
  const table = [];
  for (const query of queries) table.push(await measure(pool, query));
  console.table(table);

  const before = new Date(beginning(options) + (365.25 / 12) * 86_400_000);
  await timed('dropping the oldest months', async () => {
    const dropped = [];
    for (const name of Object.keys(MONTHLY_TABLES) as MonthlyTable[]) {
      dropped.push(...(await dropMonths(pool, name, before)));
    }
    console.log(dropped.join(', '));
  });
}

async function fill(pool: pg.Pool, months: ReturnType<typeof createMonths>): Promise<void> {
  const from = beginning(options);
  const times = Array.from({ length: MONTHS + 1 }, (_, n) => from + (n * (options.until - from)) / MONTHS);
  await months.ensure('events_calls', times);
  await timed(`filling ${options.rows} rows`, async () => {
    const client = await pool.connect();
    await fillEvents(client, options).finally(() => client.release());
  });
}

async function measure(pool: pg.Pool, query: HistoryQuery): Promise<Record<string, string | number>> {
  await query.run(pool);
  const { rows } = await query.run(pool);
  const buffers = await countBuffers(pool, () => query.run(pool));
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    await query.run(pool);
    took.push(performance.now() - startedAt);
  }
  const ms = took.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
  return {
    query: query.name,
    rows,
    ms: Number(ms.toFixed(1)),
    ...buffers,
    target: ms <= TARGET_MS ? 'met' : 'NOT MET',
  };
}

async function printSizes(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(`
    SELECT parent.relname AS of, pg_size_pretty(sum(pg_table_size(relid))) AS rows, pg_size_pretty(sum(pg_indexes_size(relid))) AS indexes
    FROM unnest(ARRAY['events_calls', 'event_index_calls']) AS name
    JOIN pg_class parent ON parent.oid = name::regclass, pg_partition_tree(name::regclass)
    GROUP BY parent.relname ORDER BY parent.relname DESC`);
  console.table(rows);
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await work();
  console.log(`${what}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
}
