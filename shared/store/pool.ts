import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../runtime/logger.ts';

export interface PoolOptions {
  readonly databaseUrl: string;
  /** Shown in `pg_stat_activity.application_name`. */
  readonly name: string;
  readonly max: number;
  readonly logger: Logger;
  readonly statementTimeoutMs?: number;
}

export interface PostgresPool {
  readonly pool: pg.Pool;
  /** Rejects when the server does not answer within seconds, and does not use that connection again. */
  ping(): Promise<unknown>;
  /** Waits for the connections in use, but not long: a server that froze lets none of them go. Safe to call again. */
  stop(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 20_000;
/** Beyond the server's own limit: only a server that froze or vanished lets this one fire. */
const SILENCE_MS = 5_000;
/**
 * A frozen process must not hold a channel's position locked: the others would wait for it for ever, and are to take over
 * within ten seconds. Longer than Redis may be silent, so that whoever waits for Redis in a transaction ends it himself.
 */
const IDLE_IN_TRANSACTION_MS = 7_000;
/**
 * Who asks every second whether a server is there must not hold every connection of the pool for as long as a query may
 * take, when it froze: then nobody would find the one that is back.
 */
const PING_MS = 3_000;
const STOP_MS = 1_500;

/** Connections open on demand and come back by themselves after an outage; a query during it rejects at once. */
export function createPool(options: PoolOptions): PostgresPool {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.name,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MS,
    lock_timeout: Math.floor(statementTimeoutMs / 2),
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
  });
  // Without a listener a server restart would end the process: idle connections report it here and are replaced.
  pool.on('error', error => {
    options.logger.warn({ pool: options.name, err: error }, 'an idle PostgreSQL connection broke, it will be replaced');
  });
  // The same for one in use that breaks between two queries of a transaction; the next query rejects.
  pool.on('connect', client => client.on('error', () => undefined));
  // pg takes the limit with a single query, too; its types know it of connections alone.
  const ping: pg.QueryConfig & { query_timeout: number } = { text: 'SELECT 1', query_timeout: PING_MS };
  let stopping: Promise<void> | undefined;
  return {
    pool,
    ping: () => pool.query(ping),
    stop() {
      stopping ??= Promise.race([pool.end(), delay(STOP_MS, undefined, { ref: false })]);
      return stopping;
    },
  };
}
