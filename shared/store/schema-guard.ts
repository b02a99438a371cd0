import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Logger } from '../runtime/logger.ts';
import { OperatorError } from '../runtime/operator-error.ts';
import { createBackoff, sleep } from '../runtime/retry.ts';
import { within } from '../runtime/within.ts';
import { isPostgresAway } from './connection-error.ts';
import { loadSql } from './sql.ts';

/**
 * Nobody works on a schema that is newer than he knows: after a downgrade he would write rows that the newer version
 * takes for complete.
 */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('./migrations', import.meta.url));

const SELECT_MIGRATIONS = loadSql('select-schema-migrations');
const SELECT_ADDITIONS = loadSql('select-schema-additions');
const UNDEFINED_TABLE = '42P01';
const WITHIN_MS = 3_000;

/** @throws OperatorError `SCHEMA_TOO_NEW` */
export async function assertSchemaKnown(client: pg.Pool | pg.ClientBase): Promise<void> {
  const newest = (await findUnknownMigrations(client, new Set(knownMigrations()))).at(-1);
  if (newest === undefined) return;
  const message = `the database was brought up to date by a newer version (migration ${newest}), which this one does not know: install that version again, or restore the backup from before`;
  throw new OperatorError('SCHEMA_TOO_NEW', message);
}

/** Whether the database lacks a migration of this version. */
export async function isBehind(client: pg.Pool | pg.ClientBase): Promise<boolean> {
  const applied = new Set(await namesIn(client, SELECT_MIGRATIONS));
  return knownMigrations().some(name => !applied.has(name));
}

/** How `CREATE DATABASE` makes one that can be used, whatever its server does by itself. */
export const DATABASE_OPTIONS = "ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C'";

/**
 * In any other encoding PostgreSQL refuses Unicode escapes in JSON, and in SQL_ASCII counts bytes for letters, so that what
 * was cut to its column is too long: single rows would go missing. `initdb` and a Debian without a locale make SQL_ASCII.
 * A database that is in use already is left to the doctor.
 *
 * @throws OperatorError `DATABASE_REFUSED`
 */
export async function assertEncodingUsable(client: pg.Pool | pg.ClientBase): Promise<void> {
  if ((await namesIn(client, SELECT_MIGRATIONS)).length > 0) return;
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  const encoding = rows[0]?.server_encoding;
  if (encoding === 'UTF8') return;
  const message = `the database is encoded in ${encoding}: create it with CREATE DATABASE … ${DATABASE_OPTIONS}`;
  throw new OperatorError('DATABASE_REFUSED', message);
}

/**
 * The migrations of the database that are not among `known`, oldest first, without those that only add: a version that
 * does not know them may work with the schema, as after a rollback.
 */
export async function findUnknownMigrations(
  client: pg.Pool | pg.ClientBase,
  known: ReadonlySet<string>,
): Promise<string[]> {
  const unknown = (await namesIn(client, SELECT_MIGRATIONS)).filter(name => !known.has(name));
  if (unknown.length === 0) return [];
  const additions = new Set(await namesIn(client, SELECT_ADDITIONS));
  return unknown.filter(name => !additions.has(name));
}

/** Looks once at the start, and again and again where PostgreSQL was away. */
export interface SchemaGuard {
  /** Resolves when the schema is known or PostgreSQL does not answer. @throws OperatorError `SCHEMA_TOO_NEW` */
  atStart(): Promise<void>;
  /** Rejects when the schema turns out to be too new later; never resolves. */
  readonly refused: Promise<never>;
  stop(): void;
}

export function createSchemaGuard(pool: pg.Pool, logger: Logger): SchemaGuard {
  const stopping = new AbortController();
  const { promise: refused, reject } = Promise.withResolvers<never>();
  // Whoever waits for it hears of it; a process that already ends need not.
  refused.catch(() => undefined);

  async function goOnLooking(): Promise<void> {
    const backoff = createBackoff({ firstMs: 500, maxMs: 5_000 });
    while (!stopping.signal.aborted) {
      await sleep(backoff.next(), stopping.signal);
      try {
        await assertSchemaKnown(pool);
        return;
      } catch (error) {
        if (error instanceof OperatorError) return reject(error);
        logger.debug({ err: error }, 'the version of the schema cannot be seen yet');
      }
    }
  }

  return {
    refused,
    async atStart() {
      try {
        await within(WITHIN_MS, assertSchemaKnown(pool));
      } catch (error) {
        if (error instanceof OperatorError) throw error;
        if (!isPostgresAway(error))
          logger.warn({ err: error }, 'the version of the schema cannot be seen, trying again');
        void goOnLooking();
      }
    },
    stop() {
      stopping.abort();
    },
  };
}

function knownMigrations(): string[] {
  return readdirSync(MIGRATIONS_FOLDER).map(file => file.replace(/\.sql$/, ''));
}

/** None in a database that was never migrated, or not that far. */
async function namesIn(client: pg.Pool | pg.ClientBase, statement: string): Promise<string[]> {
  try {
    const { rows } = await client.query<{ name: string }>(statement);
    return rows.map(({ name }) => name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE) return [];
    throw error;
  }
}
