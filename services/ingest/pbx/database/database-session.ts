import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import pg from 'pg';
import { codeOfFailure, type DatabaseFailure, failureOf, helpFor, reasonOf } from './database-errors.ts';
import type { DatabaseLogin } from './pbx-ini.ts';
import { CDR_TABLES, chooseTable, type PbxTable, probeTables } from './pbx-tables.ts';

/**
 * Connections to the PBX's database under the first login that works.
 *
 * It belongs to somebody else, so the session is read-only, few and limited in time. The check has a connection of its
 * own: readers that take long must not make the database look dead.
 */
export interface DatabaseSession {
  /** `logsreader at 127.0.0.1:5432/database_single ([DbAdminREADONLY])`. */
  readonly name: string;
  readonly readers: pg.Pool;
  readonly checks: pg.Pool;
  tables: readonly PbxTable[];
  /** Readers that are under way may finish; nobody else is let in. */
  close(): Promise<void>;
}

export interface SessionLimits {
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** One way to get in. */
export interface Access {
  readonly name: string;
  /** Where it leads; what is dead for one login is dead for the next. */
  readonly server: string;
  readonly config: pg.PoolConfig;
}

const READERS = 2;
const CHECK_TIMEOUT_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;
/** Beyond the server's own limit: only a server that froze or vanished lets this one fire. */
const SILENCE_MS = 2_000;
/** A reader that takes nothing for so long is cut off: its transaction keeps the PBX's vacuum from its work. */
const STALLED_READER_MS = 120_000;

export function accessOf(login: DatabaseLogin): Access {
  const { host, port, database, user, password } = login;
  const server = `${host}:${port}`;
  return {
    name: `${user} at ${server}/${database} (${login.section})`,
    server,
    config: { host, port, database, user, ...(password === null ? {} : { password }) },
  };
}

export function accessOfUrl(databaseUrl: string): Access {
  const url = new URL(databaseUrl);
  // Would replace what makes the session read-only.
  url.searchParams.delete('options');
  const host = url.searchParams.get('host') ?? url.hostname;
  const server = `${host}:${url.port || 5432}`;
  const user = decodeURIComponent(url.username) || url.searchParams.get('user') || 'the account of this process';
  return {
    name: `${user} at ${server}${url.pathname} (PBX_DB_URL)`,
    server,
    config: { connectionString: url.href },
  };
}

/** @throws OperatorError which tells what was tried, in which order, and what to set. `origin` is where the logins are from. */
export async function openSession(
  accesses: readonly Access[],
  origin: string,
  limits: SessionLimits,
): Promise<DatabaseSession> {
  const tried: { name: string; failure: DatabaseFailure; reason: string }[] = [];
  const deadServers = new Set<string>();
  let withoutRecords: { access: Access; tables: readonly PbxTable[] } | null = null;
  for (const access of accesses) {
    if (deadServers.has(access.server)) continue;
    try {
      const tables = await tryAccess(access, limits);
      if (chooseTable(tables, CDR_TABLES)?.isReadable) return createSession(access, tables, limits);
      // Somebody stronger may be allowed to read them.
      withoutRecords ??= { access, tables };
    } catch (error) {
      const failure = failureOf(error);
      if (failure === 'away') deadServers.add(access.server);
      tried.push({ name: access.name, failure, reason: reasonOf(error) });
    }
  }
  if (withoutRecords) return createSession(withoutRecords.access, withoutRecords.tables, limits);
  throw notOpened(tried, origin);
}

async function tryAccess(access: Access, limits: SessionLimits): Promise<PbxTable[]> {
  const client = new pg.Client(clientConfig(access, limits, PROBE_TIMEOUT_MS));
  // The query in progress rejects as well; without a listener the event would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await probeTables(client);
  } finally {
    // Said, not awaited: a server that froze would not answer the farewell either.
    void client.end().catch(() => undefined);
  }
}

function createSession(access: Access, tables: readonly PbxTable[], limits: SessionLimits): DatabaseSession {
  const readers = createPool(access, limits, { max: READERS, statementTimeoutMs: limits.statementTimeoutMs });
  const checks = createPool(access, limits, { max: 1, statementTimeoutMs: CHECK_TIMEOUT_MS });
  return {
    name: access.name,
    readers,
    checks,
    tables,
    close: async () => void (await Promise.allSettled([readers.end(), checks.end()])),
  };
}

function createPool(access: Access, limits: SessionLimits, own: { max: number; statementTimeoutMs: number }): pg.Pool {
  const pool = new pg.Pool({ ...clientConfig(access, limits, own.statementTimeoutMs), max: own.max });
  // Idle connections report here that the server went; the next question finds out by itself.
  pool.on('error', () => undefined);
  // Those in use do so between two pages of a cursor.
  pool.on('connect', client => client.on('error', () => undefined));
  return pool;
}

function clientConfig(access: Access, limits: SessionLimits, statementTimeoutMs: number): pg.PoolConfig {
  return {
    ...access.config,
    application_name: '3cx-relay',
    connectionTimeoutMillis: limits.connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    idle_in_transaction_session_timeout: STALLED_READER_MS,
    keepAlive: true,
    options: '-c default_transaction_read_only=on -c TimeZone=UTC',
  };
}

/** The login that came farthest tells most: a password is looked at before the database, and both need a server. */
const MOST_TELLING: readonly DatabaseFailure[] = ['rights', 'no-database', 'timeout', 'busy', 'other', 'credentials'];

function notOpened(
  tried: readonly { name: string; failure: DatabaseFailure; reason: string }[],
  origin: string,
): OperatorError {
  const failure = MOST_TELLING.find(kind => tried.some(each => each.failure === kind)) ?? 'away';
  const list = tried.map(({ name, reason }, i) => `${i + 1}. ${name}: ${reason}`).join('; ');
  return new OperatorError(
    codeOfFailure(failure),
    `the PBX's database cannot be opened with what ${origin} says. Tried in this order: ${list}. What to do: ${helpFor(failure)}`,
  );
}
