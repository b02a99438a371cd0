import pg from 'pg';

/** Data exceptions, a value missing, a limit of the program exceeded: PostgreSQL manual, appendix A. */
const REFUSED = /^(22...|23502|54...)$/;

/** True when the values of the statement are at fault: the same statement fails for ever. */
export function isRefusedByData(error: unknown): boolean {
  return error instanceof pg.DatabaseError && REFUSED.test(error.code ?? '');
}
