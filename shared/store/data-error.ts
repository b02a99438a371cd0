import pg from 'pg';
import { isPostgresAway } from './connection-error.ts';

/**
 * Data exceptions, a value missing, a value that a CHECK forbids, a limit of the program exceeded: PostgreSQL manual,
 * appendix A. A row that is there already (23505) or another that is not (23503) is not the fault of the values alone,
 * and may be otherwise at the next attempt.
 */
const REFUSED = /^(22...|23502|23514|54...)$/;

/** True when the values of the statement are at fault: the same statement fails for ever. */
export function isRefusedByData(error: unknown): boolean {
  return error instanceof pg.DatabaseError && REFUSED.test(error.code ?? '');
}

/** True when a statement was given a time zone that the server has no rules for: its system may have fewer names. */
export function isUnknownTimeZone(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '22023' && error.message.startsWith('time zone ');
}

/**
 * Rolled back by another transaction, no room or memory, not ready, stopped by an operator, its disk, no right, another
 * schema than this version's, damaged files.
 */
const TROUBLE =
  /^(08...|25...|28...|3D...|3F...|40...|42501|42P01|42703|42883|42P07|53...|55...|57...|58...|F0...|XX001|XX002)$/;

/**
 * True when the server or its schema is at fault, whatever the rows are: they wait for it, however long that takes,
 * because to go on without them would take away one after the other.
 */
export function isServerTrouble(error: unknown): boolean {
  if (isPostgresAway(error)) return true;
  return error instanceof pg.DatabaseError && TROUBLE.test(error.code ?? '');
}
