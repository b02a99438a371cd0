import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { insertAdminUser, listAdminUsers, updateAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import {
  type AdminUser,
  type AdminUsers,
  newUserRequest,
  type UserCreated,
  userChange,
} from '@3cx-relay/shared/wire/admin/users.ts';
import type Router from '@koa/router';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import type { PasswordCheck } from '../auth/password-check.ts';
import { randomReadableCode } from '../auth/readable-code.ts';
import type { AdminSessions } from '../auth/sessions.ts';
import type { SignInLimits } from '../auth/sign-in-limits.ts';
import { requireGoodPassword } from './require-good-password.ts';
import { toUser } from './to-user.ts';
import { userIdOf } from './user-id.ts';

export interface UserDeps {
  readonly auth: AdminAuth;
  readonly pool: PostgresPool['pool'];
  readonly audit: AuditLog;
  readonly sessions: AdminSessions;
  readonly passwords: PasswordCheck;
  readonly limits: SignInLimits;
  readonly now: () => number;
  /** How long a password that somebody else chose is good for. */
  readonly temporaryPasswordMs: number;
}

/** `GET|POST /admin/users`, `PATCH /admin/users/:id`: who there is, and what he may do. */
export function addUsers(router: Router<AdminState>, deps: UserDeps): void {
  const { auth, pool, audit } = deps;

  router.get('/admin/users', auth.requireAdmin, async context => {
    const { temporaryPasswordMs } = deps;
    context.body = { users: await readUsers(deps), temporaryPasswordMs } satisfies AdminUsers;
  });

  router.post('/admin/users', auth.requireAdmin, async context => {
    const { username, role, password } = await readJsonBody(context.req, newUserRequest);
    if (password !== undefined) requireGoodPassword(password, { username, field: 'password' });
    const temporary = password === undefined ? randomReadableCode() : undefined;
    const who = actorOf(context);
    const created = await insertAdminUser(pool, {
      ...{ username, role, createdBy: who.actor.name },
      passwordHash: await deps.passwords.hash(password ?? temporary ?? ''),
      // Whoever typed it for somebody else knows it, too.
      temporaryUntil: new Date(deps.now() + deps.temporaryPasswordMs),
    });
    if (!created) throw new ProblemError('username_taken', `username: there is a user ${username} already`, 'username');
    const details = { username, role };
    audit.write({ action: 'user.create', ...who, target: `user:${created.id}`, outcome: 'done', details });
    context.status = 201;
    const user = await readUser(deps, created.id);
    context.body = { user, ...(temporary && { temporaryPassword: temporary }) } satisfies UserCreated;
  });

  router.patch('/admin/users/:id', auth.requireAdmin, async context => {
    const id = userIdOf(context.params);
    const change = await readJsonBody(context.req, userChange);
    const before = await readUser(deps, id);
    const outcome = await updateAdminUser(pool, id, change);
    if (outcome === 'unknown') throw new ProblemError('not_found', `there is no user ${id}`);
    const who = actorOf(context);
    const entry = {
      action: 'user.update',
      ...who,
      target: `user:${id}`,
      details: { username: before.username, ...change },
    } as const;
    if (outcome === 'last_admin') {
      audit.write({ ...entry, outcome });
      throw new ProblemError('last_admin', `${before.username} is the last active admin: make another one first`);
    }
    audit.write({ ...entry, outcome: 'done' });
    const after = { ...before, ...change };
    // What he may do has changed, so that nothing that began before may go on.
    if (after.role !== before.role || !after.active) await deps.sessions.endAll(id);
    context.body = { user: await readUser(deps, id) };
  });
}

async function readUsers(deps: UserDeps, id?: number): Promise<AdminUser[]> {
  const [now, seenAfter] = [new Date(deps.now()), deps.sessions.seenAfter()];
  const users = await listAdminUsers(deps.pool, { now, seenAfter, ...(id !== undefined && { id }) });
  // Who there is does not depend on Redis.
  const locks = await deps.limits.lockedUntil(users.map(({ username }) => username)).catch(() => []);
  return users.map((user, n) => toUser(user, locks[n] ?? null));
}

/** @throws ProblemError `not_found` */
export async function readUser(deps: UserDeps, id: number): Promise<AdminUser> {
  const [user] = await readUsers(deps, id);
  if (!user) throw new ProblemError('not_found', `there is no user ${id}`);
  return user;
}
