import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { verifyAudit } from '@3cx-relay/shared/audit/verify-audit.ts';
import { foldErrors } from '@3cx-relay/shared/errors/error-groups.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { selectOpenErrors, upsertErrors } from '@3cx-relay/shared/store/error-log.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';
import { dropMonths } from '@3cx-relay/shared/store/months.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { assertSchemaKnown, createSchemaGuard } from '@3cx-relay/shared/store/schema-guard.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { inheritedEnvironment } from '../harness/processes.ts';
import { startTcpProxy } from './fixtures/tcp-proxy.ts';

const execute = promisify(execFile);
const logger = createLogger({ name: 'test', level: 'silent' });
const PROGRAM = fileURLToPath(new URL('../../shared/store/migrate.ts', import.meta.url));
const MIGRATIONS = new URL('../../shared/store/migrations/', import.meta.url);
const FIRST_VERSION = new URL('0001_first-version.sql', MIGRATIONS);
const ALL = readdirSync(MIGRATIONS)
  .map(file => file.replace(/\.sql$/, ''))
  .sort();
/** Of the last released version. */
const BEFORE = ALL.indexOf('0005_log-epochs') + 1;
let database: TestDatabase;
let store: PostgresPool;

function open(created: TestDatabase): void {
  database = created;
  store = createPool({ databaseUrl: database.url, name: 'test', max: 4, logger });
}

afterEach(async () => {
  await store.stop();
  await database.drop();
});

async function tables(): Promise<string[]> {
  const { rows } = await store.pool.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
  );
  return rows.map(row => row.name);
}

async function insert(seq: number, at: Date): Promise<void> {
  await store.pool.query(
    "INSERT INTO events (channel, epoch, seq, at, type, body) VALUES ('calls', 'e', $1, $2, 't', '{}')",
    [seq, at],
  );
}

async function partitionOf(seq: number): Promise<string | undefined> {
  const { rows } = await store.pool.query('SELECT tableoid::regclass::text AS name FROM events WHERE seq = $1', [seq]);
  return rows[0]?.name;
}

describe('a database without tables, or of an earlier version', () => {
  beforeEach(async () => {
    const admin = createPool({ databaseUrl: inject('databaseUrl'), name: 'test admin', max: 1, logger });
    const name = `test_${randomBytes(6).toString('hex')}`;
    await admin.pool.query(`CREATE DATABASE ${name}`);
    const target = new URL(inject('databaseUrl'));
    target.pathname = `/${name}`;
    open({
      url: target.href,
      drop: async () => {
        await admin.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await admin.stop();
      },
    });
  });

  test('four processes that start at once bring an empty database up to date, one of them does it', async () => {
    const env = { ...inheritedEnvironment(), DATABASE_URL: database.url };
    const runs = await Promise.all([1, 2, 3, 4].map(() => execute(process.execPath, [PROGRAM], { env })));
    const applied = runs.map(run => JSON.parse(run.stdout).applied.length);
    expect(applied.filter(count => count > 0)).toHaveLength(1);
    expect(runs.every(run => run.stdout.split('\n').length === 2 && run.stderr === '')).toBe(true);
    const expected = ['admin_users', 'api_keys', 'api_requests', 'error_log', 'connection_status_history', 'events'];
    expect(await tables()).toEqual(expect.arrayContaining(expected));
  });

  test('a second migration finds nothing to do', async () => {
    expect((await migrate({ databaseUrl: database.url })).applied).toEqual(ALL);
    expect((await migrate({ databaseUrl: database.url })).applied).toEqual([]);
  });

  test('a database of the first version keeps its rows, and the writers of this one go on with it', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    // As the first version left it, with the book that the migrations keep of themselves.
    await client.query(readFileSync(FIRST_VERSION, 'utf8'));
    await client.query('CREATE TABLE schema_migrations (id serial PRIMARY KEY, name varchar(255), run_on timestamp)');
    await client.query("INSERT INTO schema_migrations (name, run_on) VALUES ('0001_first-version', now())");
    await client.query(`
      INSERT INTO error_log (timestamp, component, severity, message, acknowledged)
      SELECT now() - n * interval '1 minute', 'xapi', 'error', 'error ' || n, n % 2 = 0 FROM generate_series(1, 20000) n`);
    await client.query(`
      INSERT INTO connection_status_history (component, state, latency, timestamp)
      SELECT 'redis', 'up', 1, now() - n * interval '5 seconds' FROM generate_series(1, 20000) n`);
    await client.query(
      "INSERT INTO api_requests (id, endpoint, timestamp) VALUES (9, '/relay/health', '2026-01-02T03:04:05Z')",
    );
    await client.query("UPDATE log_positions SET epoch = 'm5k2h7qa', seq = 41 WHERE channel = 'errors'");
    await insert(1, new Date());
    await client.end();

    const { applied } = await migrate({ databaseUrl: database.url });
    expect(applied).toEqual(ALL.slice(1));
    const { rows } = await store.pool.query(`
      SELECT count(*)::int AS errors, count(*) FILTER (WHERE acknowledged)::int AS acknowledged,
        count(*) FILTER (WHERE first_seen = timestamp AND count = 1 AND first_position IS NULL)::int AS whole,
        (SELECT count(*)::int FROM connection_status_history) AS samples, (SELECT count(*)::int FROM events) AS events,
        (SELECT seq::int FROM log_positions WHERE channel = 'errors') AS position
      FROM error_log`);
    expect(rows[0]).toEqual({
      errors: 20_000,
      acknowledged: 10_000,
      whole: 20_000,
      samples: 20_000,
      events: 1,
      position: 41,
    });

    const requests = await store.pool.query(`
      WITH added AS (INSERT INTO api_requests (endpoint) VALUES ('new') RETURNING id)
      SELECT id::int, endpoint, (SELECT id::int FROM added) AS next FROM api_requests`);
    expect(requests.rows).toEqual([{ id: 9, endpoint: '/relay/health', next: 10 }]);

    const occurrence = {
      kind: 'occurrence',
      id: 'm5k2h7qa_0000000000000042',
      at: new Date(),
      fingerprint: 'f',
      suppressed: 0,
    } as const;
    const what = { component: 'xapi', severity: 'error', message: 'error 7', details: {}, service: 'ingest' } as const;
    await inTransaction(store.pool, async transaction => {
      await upsertErrors(transaction, foldErrors([], [{ ...occurrence, ...what }]));
      expect(await selectOpenErrors(transaction, ['f'])).toMatchObject([{ id: occurrence.id, count: 1 }]);
    });
  });

  test('a database of the version before keeps a row of every table', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('CREATE TABLE schema_migrations (id serial PRIMARY KEY, name varchar(255), run_on timestamp)');
    for (const migration of ALL.slice(0, BEFORE)) {
      await client.query(readFileSync(new URL(`${migration}.sql`, MIGRATIONS), 'utf8'));
      await client.query('INSERT INTO schema_migrations (name, run_on) VALUES ($1, now())', [migration]);
    }
    await client.query(`
      INSERT INTO admin_users (username, password, role) VALUES ('Ada', 'hash', 'admin');
      INSERT INTO api_keys (client_name, key_hash, key_prefix, permissions, dns)
        VALUES ('CRM', 'hash', '01234567', '["read"]', ARRAY['101']);
      INSERT INTO api_requests (api_key_id, endpoint, status_code) VALUES (1, '/relay/health', 200);
      INSERT INTO error_log (component, severity, message, fingerprint, first_position)
        VALUES ('xapi', 'error', 'failed', 'f', 'm5k2h7qa_0000000000000041');
      INSERT INTO connection_status_history (component, state, latency) VALUES ('redis', 'up', 1);
      INSERT INTO log_epochs VALUES ('audit', 'm5k2h7qa', 1);
      UPDATE log_positions SET epoch = 'm5k2h7qa', seq = 1;
      INSERT INTO events (channel, epoch, seq, at, type, call_id, body)
        SELECT channel, 'm5k2h7qa', 1, now(), 't', 'c1', '{"n": 1}' FROM log_positions`);
    await client.end();
    const tablesBefore = (await tables()).filter(
      table => !/_\d{4}_\d{2}$/.test(table) && table !== 'schema_migrations',
    );
    const rowsOf = async (table: string) =>
      (await store.pool.query<{ row: object }>(`SELECT to_json(t) AS row FROM ${table} t ORDER BY 1::text`)).rows;
    const before = new Map<string, { row: object }[]>();
    for (const table of tablesBefore) before.set(table, await rowsOf(table));

    expect((await migrate({ databaseUrl: database.url })).applied).toEqual(ALL.slice(BEFORE));
    for (const [table, rows] of before) {
      expect([table, await rowsOf(table)]).toEqual([
        table,
        rows.map(({ row }) => ({ row: expect.objectContaining(row) })),
      ]);
    }
    const filled = [...before].filter(([, rows]) => rows.length > 0).map(([table]) => table);
    const expected = [
      'admin_users',
      'api_keys',
      'api_requests',
      'error_log',
      'connection_status_history',
      'log_epochs',
    ];
    expect(filled).toEqual(expect.arrayContaining([...expected, 'log_positions', 'events', 'events_audit']));
    // What was copied before there was a chain is not missing from it.
    const report = await verifyAudit(store.pool, { anchorFile: '/nowhere/anchors', keptFrom: 0 });
    expect(report).toMatchObject({ isIntact: true, entries: 0, events: 0 });
  });

  test('a server that comes up later is waited for', async () => {
    const proxy = await startTcpProxy(database.url);
    await proxy.cut();
    const migrated = migrate({ databaseUrl: proxy.url, waitMs: 20_000 });
    setTimeout(() => void proxy.restore(), 300);
    expect((await migrated).applied).toEqual(ALL);
    await proxy.stop();
  });

  test('what stands in the way is said in a sentence', async () => {
    const away = migrate({ databaseUrl: 'postgres://u:p@127.0.0.1:9/x', waitMs: 200 });
    await expect(away).rejects.toMatchObject({ code: 'DATABASE_AWAY' });
    const missing = migrate({ databaseUrl: `${database.url}_missing`, waitMs: 200 });
    await expect(missing).rejects.toThrow(/does not exist: create it with CREATE DATABASE, or correct DATABASE_URL/);
  });

  test('one that is not encoded in UTF-8 is refused before there is anything in it', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const admin = createPool({ databaseUrl: inject('databaseUrl'), name: 'test admin', max: 1, logger });
    try {
      await admin.pool.query(`DROP DATABASE ${name}`);
      await admin.pool.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'`);
    } finally {
      await admin.stop();
    }
    await expect(migrate({ databaseUrl: database.url })).rejects.toMatchObject({
      code: 'DATABASE_REFUSED',
      message: expect.stringContaining('encoded in SQL_ASCII: create it with CREATE DATABASE'),
    });
    expect(await tables()).toEqual([]);
  });
});

describe('a database of this version', () => {
  beforeEach(async () => open(await createTestDatabase()));

  test('a schema that a newer version made is refused, by name', async () => {
    await assertSchemaKnown(store.pool);
    await store.pool.query(
      "INSERT INTO schema_migrations (name, run_on) VALUES ('9998_later', now()), ('9999_latest', now())",
    );
    const refusal = { code: 'SCHEMA_TOO_NEW', message: expect.stringContaining('(migration 9999_latest)') };
    await expect(migrate({ databaseUrl: database.url })).rejects.toMatchObject(refusal);
    await expect(assertSchemaKnown(store.pool)).rejects.toMatchObject(refusal);
    await expect(createSchemaGuard(store.pool, logger).atStart()).rejects.toMatchObject(refusal);
  });

  test('a schema that a newer version only added to is worked with', async () => {
    await store.pool.query("INSERT INTO schema_migrations (name, run_on) VALUES ('9999_latest', now())");
    await store.pool.query("INSERT INTO schema_additions (name) VALUES ('9999_latest')");
    await assertSchemaKnown(store.pool);
    expect(await migrate({ databaseUrl: database.url })).toEqual({ applied: [] });
  });

  test('who starts while PostgreSQL is away looks when it is back, and refuses then', async () => {
    await store.pool.query("INSERT INTO schema_migrations (name, run_on) VALUES ('9999_latest', now())");
    const proxy = await startTcpProxy(database.url);
    await proxy.cut();
    const late = createPool({ databaseUrl: proxy.url, name: 'test late', max: 1, logger });
    const guard = createSchemaGuard(late.pool, logger);
    await guard.atStart();
    await proxy.restore();
    await expect(guard.refused).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' });
    guard.stop();
    await late.stop();
    await proxy.stop();
  });

  test('this month and the next two are there for every channel', async () => {
    const today = new Date();
    const months = [0, 1, 2].map(ahead => new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + ahead)));
    const suffixes = months.map(month => month.toISOString().slice(0, 7).replace('-', '_'));
    const found = await tables();
    for (const channel of ['calls', 'health', 'errors', 'audit', 'requests']) {
      for (const suffix of suffixes) expect(found).toContain(`events_${channel}_${suffix}`);
    }
  });

  test('rows that came before their month was created move into it', async () => {
    await insert(1, new Date('2031-05-31T23:59:59.999Z'));
    await insert(2, new Date('2031-06-01T00:00:00.000Z'));
    expect(await partitionOf(1)).toBe('events_calls_default');
    const months = createMonths({ pool: store.pool, logger, now: () => Date.UTC(2031, 4, 10) }, sameDays(400));
    await Promise.all([
      months.createAhead(),
      createMonths({ pool: store.pool, logger, now: () => Date.UTC(2031, 4, 10) }, sameDays(400)).createAhead(),
    ]);
    expect(await partitionOf(1)).toBe('events_calls_2031_05');
    expect(await partitionOf(2)).toBe('events_calls_2031_06');
  });

  test('retention drops whole months, and strays in the default partition', async () => {
    const now = () => Date.UTC(2031, 4, 10);
    const months = createMonths({ pool: store.pool, logger, now }, sameDays(30));
    for (const month of [2, 3, 4]) {
      await createMonths({ pool: store.pool, logger, now: () => Date.UTC(2031, month, 1) }, sameDays(30)).createAhead();
    }
    await insert(1, new Date('1999-01-01'));
    await insert(2, new Date('2031-03-31T23:59:59Z'));
    await insert(3, new Date('2031-04-01T00:00:00Z'));
    await months.dropPast();
    const { rows } = await store.pool.query('SELECT seq::integer FROM events ORDER BY seq');
    expect(rows).toEqual([{ seq: 3 }]);
    expect(await tables()).not.toContain('events_calls_2031_03');
    expect(await dropMonths(store.pool, 'events_calls', new Date(now()))).toEqual(['events_calls_2031_04']);
  });
});
