import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { insertAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { PasswordHash } from '../passwords/password-hash.ts';

const ADMIN_ROLES = ['admin', 'viewer'] as const;

type AdminRole = (typeof ADMIN_ROLES)[number];

export interface NewAdminUser {
  readonly username: string;
  readonly password: string;
  readonly role: string;
  readonly createdBy: string;
}

export type CreatedAdminUser =
  | { readonly ok: true; readonly user: { readonly id: number; readonly username: string } }
  | { readonly ok: false; readonly reason: 'exists' };

const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,49}$/;
const PASSWORD_MIN_LENGTH = 12;
/** bcrypt ignores what comes after byte 72: a longer password would be accepted with any ending. */
const PASSWORD_MAX_BYTES = 72;

function isAdminRole(name: string): name is AdminRole {
  return (ADMIN_ROLES as readonly string[]).includes(name);
}

/** @throws OperatorError `ADMIN_USER_INVALID` */
export async function createAdminUser(
  deps: { pool: PostgresPool['pool']; passwordHash: PasswordHash },
  user: NewAdminUser,
): Promise<CreatedAdminUser> {
  const problem = problemOf(user);
  if (problem) throw new OperatorError('ADMIN_USER_INVALID', problem);
  const created = await insertAdminUser(deps.pool, {
    username: user.username,
    passwordHash: await deps.passwordHash.hash(user.password),
    role: user.role,
    createdBy: user.createdBy,
  });
  return created ? { ok: true, user: created } : { ok: false, reason: 'exists' };
}

function problemOf(user: NewAdminUser): string | undefined {
  if (!USERNAME.test(user.username)) {
    return 'username must be 1 to 50 letters, digits, ".", "_", "@" or "-" and begin with a letter or digit';
  }
  if (!isAdminRole(user.role)) return `role must be ${ADMIN_ROLES.join(' or ')}`;
  if (user.password.length < PASSWORD_MIN_LENGTH) {
    return `password must have at least ${PASSWORD_MIN_LENGTH} characters (it has ${user.password.length})`;
  }
  if (Buffer.byteLength(user.password) > PASSWORD_MAX_BYTES) {
    return `password must have at most ${PASSWORD_MAX_BYTES} bytes (it has ${Buffer.byteLength(user.password)})`;
  }
  return undefined;
}
