import { removeTotp } from '@3cx-relay/shared/store/admin-second-factor.ts';
import { listAdminSessions } from '@3cx-relay/shared/store/admin-sessions.ts';
import { changeAdminPassword } from '@3cx-relay/shared/store/admin-users.ts';
import type { AuditAction } from '@3cx-relay/shared/wire/audit-actions.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import { randomReadableCode } from '../auth/readable-code.ts';
import { toSession } from './to-user.ts';
import { userIdOf } from './user-id.ts';
import { readUser, type UserDeps } from './user-routes.ts';

type UserContext = Context & { state: AdminState; params: { readonly id?: string } };

/**
 * How users get in again, and out: a new password, without the second factor, without the lock, sessions ended. For
 * others only: whoever is signed in proves with his password that he is himself, under `/admin/account`.
 */
export function addUserAccess(router: Router<AdminState>, deps: UserDeps): void {
  const { auth, pool, sessions } = deps;
  const tell = (context: UserContext, action: AuditAction, user: { id: number; username: string }, details = {}) =>
    deps.audit.write({
      ...{ action, ...actorOf(context), target: `user:${user.id}`, outcome: 'done' },
      details: { username: user.username, ...details },
    });

  router.post('/admin/users/:id/password', auth.requireAdmin, async context => {
    const user = await readUser(deps, userIdOf(context.params));
    refuseSelf(context, user.id, 'change your own password with POST /admin/account/password');
    const temporaryPassword = randomReadableCode();
    await changeAdminPassword(pool, user.id, {
      hash: await deps.passwords.hash(temporaryPassword),
      ...{ replaces: null, now: new Date(deps.now()) },
      temporaryUntil: new Date(deps.now() + deps.temporaryPasswordMs),
    });
    const ended = await sessions.endAll(user.id);
    tell(context, 'user.reset_password', user, { sessionsEnded: ended.length });
    context.body = { temporaryPassword };
  });

  router.delete('/admin/users/:id/totp', auth.requireAdmin, async context => {
    const user = await readUser(deps, userIdOf(context.params));
    refuseSelf(context, user.id, 'remove your own second factor with DELETE /admin/account/totp');
    if (await removeTotp(pool, user.id)) tell(context, 'user.remove_totp', user);
    context.status = 204;
  });

  router.post('/admin/users/:id/unlock', auth.requireAdmin, async context => {
    const user = await readUser(deps, userIdOf(context.params));
    await deps.limits.unlock(user.username);
    tell(context, 'user.unlock', user);
    context.status = 204;
  });

  router.get('/admin/users/:id/sessions', auth.requireAdmin, async context => {
    const user = await readUser(deps, userIdOf(context.params));
    const listed = await listAdminSessions(pool, user.id, {
      ...{ now: new Date(deps.now()), seenAfter: sessions.seenAfter() },
    });
    context.body = { sessions: listed.map(session => toSession(session, signedInOf(context.state).id)) };
  });

  router.delete('/admin/users/:id/sessions', auth.requireAdmin, async context => {
    const user = await readUser(deps, userIdOf(context.params));
    const ended = await sessions.endAll(user.id);
    if (ended.length > 0) tell(context, 'session.end', user, { sessionsEnded: ended.length });
    context.status = 204;
  });
}

/** A session that somebody found open must not be enough to take the whole account over. */
function refuseSelf(context: UserContext, id: number, instead: string): void {
  if (signedInOf(context.state).user.id === id) throw new ProblemError('forbidden', instead);
}
