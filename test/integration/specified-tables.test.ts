import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

/** The five tables as the user specified them: whoever wrote a query against those definitions can run it. */
const TABLES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  admin_users: { username: 'ada', password: '$2b$12$x', role: 'viewer' },
  api_keys: { client_name: 'CRM', key_hash: '$2b$12$x', permissions: ['read'] },
  api_requests: { api_key_id: 7, endpoint: '/relay/events', method: 'GET', status_code: 200, response_time: 12 },
  error_log: { component: 'xapi', severity: 'warning', message: 'slow', details: { ms: 900 } },
  connection_status_history: { component: 'database', state: 'up', latency: 3, error_message: null },
};
/** What a row has that was written without it. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  admin_users: {},
  api_keys: { active: true },
  api_requests: { timestamp: expect.any(Date) },
  error_log: { timestamp: expect.any(Date), acknowledged: false },
  connection_status_history: { timestamp: expect.any(Date) },
};
/** Columns of ours that a row cannot do without. */
const OURS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { api_keys: { key_prefix: '3f9a01c2' } };

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

test.each(Object.keys(TABLES))('%s has the columns, meanings and defaults that were specified', async table => {
  const row = { ...TABLES[table], ...OURS[table] };
  const columns = Object.keys(row);
  const values = Object.values(row).map(value => (Array.isArray(value) ? JSON.stringify(value) : value));
  await pool.query(
    `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map((_, i) => `$${i + 1}`).join()})`,
    values,
  );
  const specified = ['id', ...Object.keys(TABLES[table] ?? {}), ...Object.keys(DEFAULTS[table] ?? {})];
  const { rows } = await pool.query(`SELECT ${specified.join()} FROM ${table}`);
  expect(rows.map(({ id, ...rest }) => ({ id: Number(id), ...rest }))).toEqual([
    { id: expect.any(Number), ...TABLES[table], ...DEFAULTS[table] },
  ]);
});
