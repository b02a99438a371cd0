import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { asService } from '../harness/service-role.ts';

/** What each group role may do; that the relay needs no more, every suite with a relay proves. */
const logger = createLogger({ name: 'test', level: 'silent' });
const AWAY = 'permission denied for table';
let database: TestDatabase;
let owner: PostgresPool;
let service: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = createPool({ databaseUrl: database.url, name: 'test', max: 1, logger });
  service = createPool({ databaseUrl: asService(database.url), name: 'test service', max: 1, logger });
});

afterAll(async () => {
  await Promise.all([owner?.stop(), service?.stop()]);
  await database?.drop();
});

/** What is no history: it goes when it is over. */
const PASSING = new Set(['admin_sessions', 'admin_recovery_codes', 'admin_setup_codes']);
/** With columns that something could be guessed from. */
const SECRET = new Set(['admin_users', 'admin_recovery_codes', 'admin_setup_codes', 'api_keys', 'wallboards']);

async function tables(): Promise<string[]> {
  const { rows } = await owner.pool.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace",
  );
  return rows.map(({ name }) => name);
}

test('relay and ingest read every table, and change none of what is history', async () => {
  for (const table of await tables()) {
    await service.pool.query(`SELECT FROM ${table} LIMIT 1`);
    if (PASSING.has(table)) continue;
    await expect(service.pool.query(`DELETE FROM ${table}`)).rejects.toThrow(`${AWAY} ${table}`);
    await expect(service.pool.query(`TRUNCATE ${table}`)).rejects.toThrow(`${AWAY} ${table}`);
  }
  for (const [table, column] of [
    ['audit_log', 'target'],
    ['audit_seals', 'last_seq'],
    ['events', 'body'],
    ['log_positions', 'seq'],
    ['error_log', 'message'],
  ]) {
    await expect(service.pool.query(`UPDATE ${table} SET ${column} = NULL`)).rejects.toThrow(`${AWAY} ${table}`);
    await expect(service.pool.query(`INSERT INTO ${table} DEFAULT VALUES`)).rejects.toThrow(`${AWAY} ${table}`);
  }
});

test('a month is out of their reach, too, and so is everything that runs with the rights of the owner', async () => {
  const { rows } = await owner.pool.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relname ~ '^events_audit_\\d' LIMIT 1",
  );
  await expect(service.pool.query(`DELETE FROM ${rows[0]?.name}`)).rejects.toThrow(AWAY);
  for (const call of ['seal_audit(1)', 'redact_audit_content(1)', 'grant_roles()']) {
    await expect(service.pool.query(`SELECT ${call}`)).rejects.toThrow('permission denied for function');
  }
  await expect(service.pool.query('CREATE TABLE mine (n integer)')).rejects.toThrow('permission denied for schema');
});

test('an auditor reads all but passwords and keys, and changes nothing', async () => {
  const rights = async (role: string, table: string) => {
    const { rows } = await owner.pool.query<{ privilege: string }>(
      `SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
       WHERE has_table_privilege($1, $2, privilege)`,
      [role, table],
    );
    return rows.map(({ privilege }) => privilege);
  };
  for (const table of await tables()) {
    expect([table, await rights('relay_auditor', table)]).toEqual([table, SECRET.has(table) ? [] : ['SELECT']]);
  }
  const { rows } = await owner.pool.query(`
    SELECT has_column_privilege('relay_auditor', 'api_keys', 'client_name', 'SELECT') AS name,
      has_column_privilege('relay_auditor', 'api_keys', 'key_hash', 'SELECT') AS hash,
      has_column_privilege('relay_auditor', 'admin_users', 'password', 'SELECT') AS password,
      has_column_privilege('relay_auditor', 'admin_users', 'totp_secret', 'SELECT') AS totp,
      has_column_privilege('relay_auditor', 'admin_recovery_codes', 'digest', 'SELECT') AS recovery,
      has_column_privilege('relay_auditor', 'wallboards', 'digest', 'SELECT') AS wallboard`);
  expect(rows).toEqual([{ name: true, hash: false, password: false, totp: false, recovery: false, wallboard: false }]);
});
