import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { insertFirstAdmin, isSetupCode } from '@3cx-relay/shared/store/admin-setup.ts';
import { hasAdminUsers } from '@3cx-relay/shared/store/admin-users.ts';
import { type SetupState, setupRequest } from '@3cx-relay/shared/wire/admin/users.ts';
import type Router from '@koa/router';
import { toAdminActor } from '../../admin-actor.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { AdminState } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { tooManySignIns } from '../auth/confirm-password.ts';
import { digestOfReadableCode } from '../auth/readable-code.ts';
import { handOver, originOf, toSessionAnswer } from '../auth/session-routes.ts';
import type { SignInDeps } from '../auth/sign-in.ts';
import { requireGoodPassword } from '../users/require-good-password.ts';

export interface SetupDeps extends Omit<SignInDeps, 'secondFactor'> {
  readonly auth: AdminAuth;
  readonly audit: AuditLog;
  readonly now: () => number;
}

/** Under which name attempts count, as no user can be called. */
const ATTEMPTED = '(setup)';

/**
 * The first user, from a browser, by whoever has a shell on the host: it makes a code that is good once and for an
 * hour. From the first user on there is no setup any more, and a user is never deleted.
 */
export function addSetup(router: Router<AdminState>, deps: SetupDeps): void {
  const { pool } = deps;
  let isDone = false;

  async function isNeeded(): Promise<boolean> {
    isDone ||= await hasAdminUsers(pool);
    return !isDone;
  }

  // Also who is signed in, so that a page that is opened need not ask for what a stranger is refused.
  router.get('/admin/setup', async context => {
    const needed = await isNeeded();
    const signedIn = needed ? null : await deps.auth.verify(context);
    const endedAfterMs = needed || signedIn ? null : await deps.auth.endedAfter(context);
    context.body = {
      needed,
      session: signedIn && toSessionAnswer(deps.auth, signedIn),
      ...(endedAfterMs !== null && { endedAfterMs }),
    } satisfies SetupState;
  });

  router.post('/admin/setup', async context => {
    const { setupCode, username, password } = await readJsonBody(context.req, setupRequest);
    if (!(await isNeeded())) throw new ProblemError('setup_done', 'there is a user already: sign in');
    const from = originOf(context);
    const attempt = { username: ATTEMPTED, address: from.address };
    const lockedMs = await deps.limits.attempt(attempt);
    const refuse = (reason: 'invalid_setup_code' | 'too_many_sign_ins') =>
      deps.failures.failed({ user: null, address: from.address, reason });
    if (lockedMs > 0) {
      refuse('too_many_sign_ins');
      throw tooManySignIns(lockedMs);
    }
    const code = { digest: digestOfReadableCode(setupCode), now: new Date(deps.now()) };
    const refused = new ProblemError(
      'invalid_setup_code',
      'this code is wrong, used or older than an hour: make one with "3cx-relay user setup-code"',
      'setupCode',
    );
    if (!(await isSetupCode(pool, code))) {
      refuse('invalid_setup_code');
      throw refused;
    }
    requireGoodPassword(password, { username, field: 'password' });
    const passwordHash = await deps.passwords.hash(password);
    const created = await insertFirstAdmin(pool, code, { username, passwordHash, role: 'admin', createdBy: 'setup' });
    if (!created) throw refused;
    await deps.limits.succeeded(attempt, false);
    deps.audit.write({
      ...{ action: 'setup', actor: toAdminActor(created), address: from.address, target: `user:${created.id}` },
      ...{ outcome: 'done', details: { username } },
    });
    const signedIn = await deps.sessions.begin({ id: created.id, passwordHash }, from);
    if (!signedIn) throw new Error('the user who was made just now cannot sign in');
    context.status = 201;
    context.body = handOver(context, deps.auth, { signedIn, answer: 'cookie' });
  });
}
