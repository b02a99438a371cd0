import pg from 'pg';

/** Connection failures, shutdown and start-up, timeouts, a full server, a standby: PostgreSQL manual, appendix A. */
const AWAY_STATE = /^(08...|57P0\d|57014|53300|25P03|25006|55P03)$/;
/** node's own: `ECONNREFUSED`, `EPIPE`, `EAI_AGAIN` and so on. */
const SYSTEM_CODE = /^E[A-Z_]+$/;
/** What pg itself says when a connection ended, never came up, or stays silent; these errors carry no code. */
const PG_MESSAGE =
  /^(Connection terminated|timeout expired|timeout exceeded when trying|Query read timeout|Client (has encountered a connection error|was closed))/;

/** True when the same query may succeed later: the server is away, starting, stopping, overloaded or only a standby. */
export function isPostgresAway(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return AWAY_STATE.test(error.code ?? '');
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return SYSTEM_CODE.test(code) || PG_MESSAGE.test(error.message);
}
