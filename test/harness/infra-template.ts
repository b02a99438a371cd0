import pg from 'pg';
import { migrate } from '../../shared/store/migrate.ts';
import { createServiceLogin } from './service-role.ts';
import { waitFor } from './wait-for.ts';

const templateName = 'relay_template';

/** Copying a migrated template takes some 30 ms; running every migration for every test would take far longer. */
export async function prepareTemplate(databaseUrl: string): Promise<void> {
  await execute(databaseUrl, `CREATE DATABASE ${templateName}`);
  await migrate({ databaseUrl: withDatabase(databaseUrl, templateName) });
  await createServiceLogin(databaseUrl);
}

/** `server` is connected to any other database of the same server. */
export async function copyTemplate(server: pg.Pool, name: string): Promise<void> {
  // Its other way writes every page to the write-ahead log first, which takes five times as long.
  await server.query(`CREATE DATABASE ${name} TEMPLATE ${templateName} STRATEGY FILE_COPY`);
}

/** A pool has ended before its connections are closed, and one that is cut then throws where nobody listens. */
const CLOSING_MS = 1_000;

/** FORCE ends sessions that a killed process left behind. */
export async function dropDatabase(server: pg.Pool, name: string): Promise<void> {
  const isEmpty = async () =>
    (await server.query('SELECT FROM pg_stat_activity WHERE datname = $1 LIMIT 1', [name])).rowCount === 0;
  // Whoever is killed, or left open on purpose, is ended by force.
  await waitFor(isEmpty, { what: 'everybody to leave', timeoutMs: CLOSING_MS }).catch(() => undefined);
  await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

export function withDatabase(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function execute(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
