import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { countRecoveryCodes } from '@3cx-relay/shared/store/admin-second-factor.ts';
import { listAdminSessions } from '@3cx-relay/shared/store/admin-sessions.ts';
import { changeAdminPassword, listAdminUsers } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { type Account, passwordChange, sessionsEnd } from '@3cx-relay/shared/wire/admin/account.ts';
import type { AdminRole } from '@3cx-relay/shared/wire/admin/session.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { clientAddress } from '../../public/client-address.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import type { ConfirmPassword } from '../auth/confirm-password.ts';
import type { PasswordCheck } from '../auth/password-check.ts';
import type { AdminSessions } from '../auth/sessions.ts';
import { requireGoodPassword } from '../users/require-good-password.ts';
import { toSession } from '../users/to-user.ts';

export interface AccountDeps {
  readonly auth: AdminAuth;
  readonly pool: PostgresPool['pool'];
  readonly audit: AuditLog;
  readonly sessions: AdminSessions;
  readonly passwords: PasswordCheck;
  readonly confirmPassword: ConfirmPassword;
  /** The roles of which a second factor is required. */
  readonly secondFactorOf: readonly AdminRole[];
  readonly now: () => number;
}

type AccountContext = Context & { state: AdminState };

/** For so long after a sign-in sessions are ended without the password. */
const FRESH_SIGN_IN_MS = 300_000;

/** What somebody sees and changes of himself: `/admin/account`, its password and its sessions. */
export function addAccount(router: Router<AdminState>, deps: AccountDeps): void {
  const { auth, pool, audit, sessions } = deps;
  const now = () => new Date(deps.now());

  router.get('/admin/account', auth.requireAuth, async context => {
    const { user } = signedInOf(context.state);
    const [[stored], recoveryCodesLeft] = await Promise.all([
      listAdminUsers(pool, { now: now(), id: user.id, seenAfter: sessions.seenAfter() }),
      countRecoveryCodes(pool, user.id),
    ]);
    if (!stored) throw new ProblemError('not_found', 'this user is not there any more');
    context.body = {
      user,
      createdAt: stored.createdAt.toISOString(),
      passwordChangedAt: stored.passwordChangedAt.toISOString(),
      lastLoginAt: stored.lastLoginAt?.toISOString() ?? null,
      recoveryCodesLeft,
      isSecondFactorRequired: deps.secondFactorOf.includes(user.role),
    } satisfies Account;
  });

  router.post('/admin/account/password', auth.requireSession, async context => {
    const signedIn = signedInOf(context.state);
    const { username } = signedIn.user;
    const { currentPassword, newPassword } = await readJsonBody(context.req, passwordChange);
    requireGoodPassword(newPassword, { username, field: 'newPassword' });
    if (newPassword === currentPassword) {
      throw new ProblemError('invalid_request', 'newPassword: must be another one than before', 'newPassword');
    }
    const given = { password: currentPassword, field: 'currentPassword', address: clientAddress(context.req) };
    const user = await deps.confirmPassword(signedIn, given);
    const hash = await deps.passwords.hash(newPassword);
    const change = { hash, replaces: user.passwordHash, now: now(), temporaryUntil: null };
    if (!(await changeAdminPassword(pool, user.id, change))) {
      throw new ProblemError('wrong_password', 'currentPassword: was changed just now', 'currentPassword');
    }
    sessions.userChanged(user.id);
    const ended = await sessions.endAll(user.id, signedIn.id);
    const details = { sessionsEnded: ended.length };
    audit.write({
      ...{ action: 'password.change', ...actorOf(context), target: `user:${user.id}`, outcome: 'done', details },
    });
    context.status = 204;
  });

  router.get('/admin/account/sessions', auth.requireAuth, async context => {
    const signedIn = signedInOf(context.state);
    const listed = await listAdminSessions(pool, signedIn.user.id, {
      ...{ now: now(), seenAfter: sessions.seenAfter() },
    });
    context.body = { sessions: listed.map(session => toSession(session, signedIn.id)) };
  });

  /** Whoever signed in just now has proved who he is; a page that was left open has not. */
  async function requireProof(context: AccountContext): Promise<void> {
    const signedIn = signedInOf(context.state);
    const { password } = await readJsonBody(context.req, sessionsEnd);
    if (password !== undefined) {
      await deps.confirmPassword(signedIn, { password, field: 'password', address: clientAddress(context.req) });
    } else if (deps.now() - signedIn.createdAt.getTime() > FRESH_SIGN_IN_MS) {
      const detail = 'password: is required, because the sign-in was more than a few minutes ago';
      throw new ProblemError('password_required', detail, 'password');
    }
  }

  router.delete('/admin/account/sessions', auth.requireAuth, async context => {
    await requireProof(context);
    const { id, user } = signedInOf(context.state);
    const ended = await sessions.endAll(user.id, id);
    for (const session of ended) {
      audit.write({
        ...{ action: 'session.end', ...actorOf(context), target: `session:${session}`, outcome: 'done', details: {} },
      });
    }
    context.status = 204;
  });

  router.delete('/admin/account/sessions/:id', auth.requireAuth, async context => {
    await requireProof(context);
    const { user } = signedInOf(context.state);
    const { data: id } = z.uuid().safeParse(context.params.id);
    if (id === undefined || !(await sessions.end({ id, userId: user.id }))) {
      throw new ProblemError('not_found', 'this session is not there any more');
    }
    audit.write({
      ...{ action: 'session.end', ...actorOf(context), target: `session:${id}`, outcome: 'done', details: {} },
    });
    context.status = 204;
  });
}
