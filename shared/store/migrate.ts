import pg from 'pg';
import { databaseConfig, readConfig } from '../runtime/config.ts';
import type { Logger } from '../runtime/logger.ts';
import { messageOf, OperatorError } from '../runtime/operator-error.ts';
import { createBackoff, sleep } from '../runtime/retry.ts';
import { isPostgresAway } from './connection-error.ts';
import { assertEncodingUsable, assertSchemaKnown, isBehind, MIGRATIONS_FOLDER } from './schema-guard.ts';
import { loadSql } from './sql.ts';

/**
 * Brings the database to the schema of this version. Any number of processes may call it at once: they queue on an
 * advisory lock, the first one works and the others find nothing to do. All pending files run in one transaction, so
 * a process killed half-way leaves the old schema.
 */
export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly logger?: Logger;
  /** How long to wait for a server that does not answer yet. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface Migrated {
  /** File names applied by this call, in order; empty when the schema was current. */
  readonly applied: readonly string[];
}

const GRANT_ROLES = loadSql('grant-roles');
const WAIT_MS = 60_000;

/** @throws OperatorError `DATABASE_AWAY`, `DATABASE_REFUSED`, `SCHEMA_TOO_NEW` or `MIGRATION_FAILED` */
export async function migrate(options: MigrateOptions): Promise<Migrated> {
  const backoff = createBackoff({ firstMs: 100, maxMs: 2_000 });
  const deadline = Date.now() + (options.waitMs ?? WAIT_MS);
  for (;;) {
    try {
      return await migrateOnce(options);
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      if (!isPostgresAway(error)) throw toOperatorError(error);
      if (Date.now() >= deadline || options.signal?.aborted) {
        const message = `PostgreSQL does not answer (${messageOf(error)}): start it, or correct DATABASE_URL`;
        throw new OperatorError('DATABASE_AWAY', message, { cause: error });
      }
      options.logger?.debug({ err: error }, 'PostgreSQL does not answer yet');
      await sleep(backoff.next(), options.signal);
    }
  }
}

async function migrateOnce(options: MigrateOptions): Promise<Migrated> {
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    application_name: 'relay migrate',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  });
  // A connection that breaks fails the running query; nobody may crash on the event beside it.
  client.on('error', () => undefined);
  client.on('notice', ({ message }) => options.logger?.info(message));
  try {
    await client.connect();
    await assertSchemaKnown(client);
    await assertEncodingUsable(client);
    const applied = (await isBehind(client)) ? await applyPending(client, options.logger) : [];
    // Not only when something was applied: a dump that is restored elsewhere comes without the roles.
    await client.query(GRANT_ROLES);
    return { applied };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The runner is loaded here: it is a tenth of what a worker loads, and nearly every start finds the schema current. */
async function applyPending(client: pg.Client, logger: Logger | undefined): Promise<string[]> {
  const { runner } = await import('node-pg-migrate');
  const applied = await runner({
    dbClient: client,
    dir: MIGRATIONS_FOLDER,
    direction: 'up',
    migrationsTable: 'schema_migrations',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    // What goes wrong is thrown as well; without a logger the runner would print to the console.
    log: text => logger?.debug(text),
  });
  return applied.map(migration => migration.name);
}

function toOperatorError(error: unknown): OperatorError {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (code === '3D000') {
    const message = `${messageOf(error)}: create it with CREATE DATABASE, or correct DATABASE_URL`;
    return new OperatorError('DATABASE_REFUSED', message, { cause: error });
  }
  if (code.startsWith('28')) {
    const message = `PostgreSQL refused the sign-in (${messageOf(error)}): correct user and password in DATABASE_URL`;
    return new OperatorError('DATABASE_REFUSED', message, { cause: error });
  }
  const message = `the schema could not be brought up to date, nothing was changed: ${messageOf(error)}`;
  return new OperatorError('MIGRATION_FAILED', message, { cause: error });
}

if (import.meta.main) {
  const startedAt = Date.now();
  try {
    const config = readConfig(databaseConfig, process.env);
    const { applied } = await migrate({ databaseUrl: config.DATABASE_URL });
    console.log(JSON.stringify({ applied, durationMs: Date.now() - startedAt }));
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
