import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { databaseUrl } from './infra-access.ts';
import { copyTemplate, dropDatabase, withDatabase } from './infra-template.ts';

export type TestDatabase = {
  url: string;
  drop(): Promise<void>;
};

/** One connection for all the tests of this worker: a new one costs as much as what it would be opened for. */
let server: pg.Pool | undefined;

/** A migrated database of its own; `drop()` also ends the sessions that are still open in it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = databaseUrl();
  server ??= connect(url);
  const pool = server;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await copyTemplate(pool, name);
  return { url: withDatabase(url, name), drop: () => dropDatabase(pool, name) };
}

function connect(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true });
  // The server stops at the end of the run, maybe before this process does.
  pool.on('error', () => undefined);
  return pool;
}
