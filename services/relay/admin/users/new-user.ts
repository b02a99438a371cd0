import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { insertAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { newUserRequest } from '@3cx-relay/shared/wire/admin/users.ts';
import { firstIssue } from '@3cx-relay/shared/wire/client-messages.ts';
import { problemOfPassword } from '../../passwords/password-rules.ts';

export interface NewUser {
  readonly username: string;
  readonly password: string;
  readonly role: string;
  readonly createdBy: string;
}

export type CreatedUser =
  | { readonly ok: true; readonly user: { readonly id: number; readonly username: string } }
  | { readonly ok: false; readonly reason: 'exists' };

/** From a shell, where nothing has looked at what was typed. @throws OperatorError `ADMIN_USER_INVALID` */
export async function createAdminUser(
  deps: { pool: PostgresPool['pool']; hash: (password: string) => Promise<string> },
  { createdBy, ...asked }: NewUser,
): Promise<CreatedUser> {
  const { error, data } = newUserRequest.required().safeParse(asked);
  if (error) {
    const { field, message } = firstIssue(error);
    throw new OperatorError('ADMIN_USER_INVALID', `${field} ${message}`);
  }
  const wrong = problemOfPassword(data.password, data);
  if (wrong) throw new OperatorError('ADMIN_USER_INVALID', `password ${wrong}`);
  const { username, role } = data;
  const passwordHash = await deps.hash(data.password);
  const created = await insertAdminUser(deps.pool, { username, role, passwordHash, createdBy });
  return created ? { ok: true, user: created } : { ok: false, reason: 'exists' };
}
