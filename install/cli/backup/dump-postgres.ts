import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { reasonOf, runProgram } from '../system.ts';
import { clientProgram, postgresEnvironment } from './postgres-programs.ts';

const TIMEOUT_MS = 4 * 3_600_000;
const UNDEFINED_TABLE = '42P01';

export interface Dumped {
  readonly schema: string | null;
  readonly rows: Readonly<Record<string, number>>;
}

/** Dump and counts are of one snapshot, while others write. @throws Error that says what to install or to correct */
export async function dumpPostgres(pool: PostgresPool['pool'], databaseUrl: string, file: string): Promise<Dumped> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // The transaction only waits while pg_dump works.
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const { rows } = await client.query<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot');
    const args = ['--format=custom', `--snapshot=${rows[0]?.snapshot}`, `--file=${file}`];
    const dumping = runProgram(clientProgram('pg_dump'), args, {
      timeoutMs: TIMEOUT_MS,
      env: postgresEnvironment(databaseUrl),
    });
    const [dumped, counted] = await Promise.all([dumping, countRows(client)]);
    if (dumped.isMissing) throw new Error('pg_dump is not on this machine: install the package postgresql-client.');
    if (dumped.code !== 0)
      throw new Error(`PostgreSQL could not be dumped: ${explain(dumped.errors) ?? reasonOf(dumped)}`);
    return { schema: await lastMigration(client), rows: counted };
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
    client.release();
  }
}

function explain(errors: string): string | null {
  const server = /server version: (\d+)/.exec(errors)?.[1];
  if (!errors.includes('server version mismatch') || server === undefined) return null;
  return `the server is newer (${server}) than pg_dump: install the package postgresql-client-${server}`;
}

type Queryable = Pick<PostgresPool['pool'], 'query'>;

/** Rows of every table, those of its partitions included. */
export async function countRows(client: Queryable): Promise<Record<string, number>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
     ORDER BY relname`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of tables) {
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) AS count FROM "${name.replaceAll('"', '""')}"`,
    );
    counts[name] = Number(rows[0]?.count ?? 0);
  }
  return counts;
}

async function lastMigration(client: Queryable): Promise<string | null> {
  try {
    const sql = 'SELECT name FROM schema_migrations ORDER BY id DESC LIMIT 1';
    return (await client.query<{ name: string }>(sql)).rows[0]?.name ?? null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE) return null;
    throw error;
  }
}
