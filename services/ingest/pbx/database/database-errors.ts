import { messageOf, OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import pg from 'pg';

/** What a failure of the PBX's database is about; each kind wants another kind of help. */
export type DatabaseFailure =
  /** Nobody answers, or it is starting, stopping or closed. */
  | 'away'
  /** Password, account or pg_hba.conf. */
  | 'credentials'
  | 'no-database'
  | 'rights'
  | 'no-table'
  | 'timeout'
  /** All connections are in use. */
  | 'busy'
  | 'other';

const CODES: Readonly<Record<DatabaseFailure, string>> = {
  away: 'PBX_DB_UNREACHABLE',
  credentials: 'PBX_DB_CREDENTIALS_REFUSED',
  'no-database': 'PBX_DB_MISSING',
  rights: 'PBX_DB_RIGHTS_MISSING',
  'no-table': 'PBX_TABLE_ABSENT',
  timeout: 'PBX_DB_TIMEOUT',
  busy: 'PBX_DB_BUSY',
  other: 'PBX_DB_FAILED',
};

const HELP: Readonly<Record<DatabaseFailure, string>> = {
  away: 'check that PostgreSQL runs on the PBX and that host and port are right',
  credentials: 'set PBX_DB_URL to an account that may read it',
  'no-database': 'set PBX_DB_URL with the name of the database',
  rights: 'grant SELECT on its tables to this account, or set PBX_DB_URL to one that may read them',
  'no-table': 'this PBX has no such table',
  timeout: 'ask for a shorter span, or raise INGEST_DB_STATEMENT_TIMEOUT_MS',
  busy: 'too many are reading at the same time, try again',
  other: 'see its message',
};

export function failureOf(error: unknown): DatabaseFailure {
  const state = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (/^28/.test(state) || messageOf(error).startsWith('SASL')) return 'credentials';
  if (state === '3D000') return 'no-database';
  if (state === '42501') return 'rights';
  if (state === '42P01') return 'no-table';
  if (state === '57014' || messageOf(error) === 'Query read timeout') return 'timeout';
  if (state === '53300' || messageOf(error).startsWith('timeout exceeded when trying')) return 'busy';
  // 55000: the database takes no connections at the moment, as during a restore.
  return state === '55000' || isPostgresAway(error) ? 'away' : 'other';
}

/** True when the connections that are open are of no use any more: what is known of tables and login must be read anew. */
export function isConnectionLost(failure: DatabaseFailure): boolean {
  return failure === 'away' || failure === 'credentials' || failure === 'no-database';
}

export function codeOfFailure(failure: DatabaseFailure): string {
  return CODES[failure];
}

export function helpFor(failure: DatabaseFailure): string {
  return HELP[failure];
}

export function toDatabaseError(error: unknown): OperatorError {
  if (error instanceof OperatorError) return error;
  const failure = failureOf(error);
  return new OperatorError(CODES[failure], `the PBX's database did not answer: ${reasonOf(error)}; ${HELP[failure]}`, {
    cause: error,
  });
}

/** A refused connection to a name with two addresses is an AggregateError without a message of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return messageOf(error);
}
