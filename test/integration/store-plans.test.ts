import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { loadSql } from '@3cx-relay/shared/store/sql.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropPastRows } from '../../services/worker/retention/drop-past-rows.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

/** What the statements of the worker and of the list of errors cost on tables of a few hundred thousand rows. */
const logger = createLogger({ name: 'test', level: 'silent' });
/** Pages of 8 KiB; a table of these tests has thousands. */
const FEW_PAGES = 400;

let database: TestDatabase;
let store: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger, statementTimeoutMs: 60_000 });
  // Audit lines are the newest and the most; of the errors one in fifty is open.
  await store.pool.query(`
    INSERT INTO error_log (channel, first_position, last_position, fingerprint, timestamp, first_seen, component, severity,
      message, details, acknowledged)
    SELECT kind, kind || n, kind || n, 'print' || n, at, at, CASE kind WHEN 'audit' THEN 'audit' ELSE 'c' || n % 20 END, 'info',
      'message ' || n, '{}', kind = 'audit' OR n % 50 > 0
    FROM (
      SELECT 'errors' AS kind, n, now() - interval '2 days' - n * interval '1 minute' AS at FROM generate_series(1, 100000) n
      UNION ALL
      SELECT 'audit', n, now() - n * interval '1 second' FROM generate_series(1, 200000) n
    ) AS rows`);
  await store.pool.query(`
    INSERT INTO connection_status_history (component, state, timestamp)
    SELECT 'c' || n % 6, 'up', now() - interval '1 second' * (300000 - n) FROM generate_series(1, 300000) n`);
  // As autovacuum leaves tables that grow: what it has not seen no BRIN index knows.
  await store.pool.query('VACUUM (ANALYZE) error_log, connection_status_history');
}, 60_000);

afterAll(async () => {
  await store?.stop();
  await database?.drop();
});

interface Plan {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
}

async function pagesOf(sql: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await store.pool.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql.replace(/^--.*$/gm, '')}`,
    [...values],
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  if (!plan) throw new Error('no plan');
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
}

const any: readonly unknown[] = [null, null, null, null, null, null, null, null, [], 51];

test.each([
  ['the newest errors', any],
  ['those that are open', any.with(2, false)],
  ['a page behind others', any.with(6, new Date(Date.now() - 10 * 86_400_000)).with(7, 'errors5')],
  ['those of a component', any.with(0, ['c7'])],
  ['the lines of the audit', any.with(0, ['audit'])],
])('%s are found without reading the table', async (_, values) => {
  expect(await pagesOf(loadSql('select-errors-page'), values)).toBeLessThan(FEW_PAGES);
});

test.each([
  ['select-open-errors', [['print50', 'print100', 'print7']]],
  ['select-errors-by-position', [['errors50', 'errors7']]],
  ['select-latest-samples', [['c1', 'c2', 'c9']]],
  ['select-samples', [['c1'], new Date(Date.now() - 3_600_000)]],
  ['select-connection-changes', ['c1', new Date(Date.now() - 3_600_000), new Date(), 100]],
  ['drop-errors', ['errors', new Date(Date.now() - 400 * 86_400_000), 10_000]],
  ['drop-samples', [new Date(Date.now() - 400 * 86_400_000), 10_000]],
])('%s does not read the table', async (name, values) => {
  expect(await pagesOf(loadSql(name), values)).toBeLessThan(FEW_PAGES);
});

test('rows past retention go in steps, and none of the others', async () => {
  const DAYS_3_MS = 3 * 86_400_000;
  // A minute between what must go and what must stay: the clock does not stand still meanwhile.
  const [gone, kept] = [new Date(Date.now() - DAYS_3_MS - 1_000), new Date(Date.now() - DAYS_3_MS + 60_000)];
  const tables = ['error_log', 'connection_status_history'];
  const count = async (condition: string, when: Date) =>
    Promise.all(
      tables.map(async table => {
        const { rows } = await store.pool.query(
          `SELECT count(*)::int AS rows FROM ${table} WHERE timestamp ${condition} $1`,
          [when],
        );
        return rows[0].rows as number;
      }),
    );
  const before = await count('>=', kept);
  await dropPastRows({ pool: store.pool, logger, stepRows: 7_000 }, sameDays(3), new AbortController().signal);
  expect(await count('>=', kept)).toEqual(before);
  expect(await count('<', gone)).toEqual([0, 0]);
});
