import { ProblemError } from '../../public/problem-error.ts';

/** The largest id that PostgreSQL's `integer` holds. */
const MAX_ID = 2_147_483_647;

/** @throws ProblemError `not_found` for what cannot be the id of a user */
export function userIdOf({ id = '' }: { readonly id?: string }): number {
  if (!/^[1-9]\d{0,9}$/.test(id) || Number(id) > MAX_ID) throw new ProblemError('not_found', `there is no user ${id}`);
  return Number(id);
}
