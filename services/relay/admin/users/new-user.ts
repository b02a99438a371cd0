import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { insertAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { newUserRequest } from '@3cx-relay/shared/wire/admin/users.ts';
import { firstIssue } from '@3cx-relay/shared/wire/client-messages.ts';
import { problemOfPassword } from '../../passwords/password-rules.ts';
import { randomReadableCode } from '../auth/readable-code.ts';

export interface NewUser {
  readonly username: string;
  /** Null: one is made. */
  readonly password: string | null;
  readonly role: string;
  readonly createdBy: string;
  /** Of a password that somebody else knows, as of one that is made: when it ends. Null: its owner chose it. */
  readonly temporaryUntil: Date | null;
}

export type CreatedUser =
  | {
      readonly ok: true;
      readonly user: { readonly id: number; readonly username: string };
      readonly madePassword: string | null;
    }
  | { readonly ok: false; readonly reason: 'exists' };

/** From a shell, where nothing has looked at what was typed. @throws OperatorError `ADMIN_USER_INVALID` */
export async function createAdminUser(
  deps: { pool: PostgresPool['pool']; hash: (password: string) => Promise<string> },
  { createdBy, temporaryUntil, password: given, ...asked }: NewUser,
): Promise<CreatedUser> {
  const madePassword = given === null ? randomReadableCode() : null;
  const { error, data } = newUserRequest.required().safeParse({ ...asked, password: given ?? madePassword });
  if (error) {
    const { field, message } = firstIssue(error);
    throw new OperatorError('ADMIN_USER_INVALID', `${field} ${message}`);
  }
  // In one that is made anything may come about by chance, the name of the user, too.
  const wrong = madePassword === null ? problemOfPassword(data.password, data) : undefined;
  if (wrong) throw new OperatorError('ADMIN_USER_INVALID', `password ${wrong}`);
  const { username, role } = data;
  const passwordHash = await deps.hash(data.password);
  const created = await insertAdminUser(deps.pool, { username, role, passwordHash, createdBy, temporaryUntil });
  return created ? { ok: true, user: created, madePassword } : { ok: false, reason: 'exists' };
}
