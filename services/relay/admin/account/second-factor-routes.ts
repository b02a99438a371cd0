import {
  confirmTotp,
  offerTotp,
  removeTotp,
  replaceRecoveryCodes,
  selectTotpOffer,
} from '@3cx-relay/shared/store/admin-second-factor.ts';
import {
  identityConfirmation,
  type RecoveryCodes,
  type TotpOffer,
  totpConfirmation,
} from '@3cx-relay/shared/wire/admin/account.ts';
import type { AuditAction } from '@3cx-relay/shared/wire/audit-actions.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { clientAddress } from '../../public/client-address.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import { digestOfReadableCode, randomReadableCode } from '../auth/readable-code.ts';
import type { Totp } from '../auth/totp.ts';
import type { AccountDeps } from './account-routes.ts';

const RECOVERY_CODES = 10;

type AccountContext = Context & { state: AdminState };

/** `/admin/account/totp` and its recovery codes: the second factor of whoever is signed in. */
export function addSecondFactor(router: Router<AdminState>, deps: AccountDeps & { totp: Totp }): void {
  const { auth, pool } = deps;

  /** By all that he signs in with, because it is this that he changes. */
  async function confirmed(context: AccountContext) {
    const { password, ...factor } = await readJsonBody(context.req, identityConfirmation);
    const given = { password, field: 'password', factor, address: clientAddress(context.req) };
    return deps.confirmPassword(signedInOf(context.state), given);
  }

  function tell(context: AccountContext, action: AuditAction): void {
    const target = `user:${signedInOf(context.state).user.id}`;
    deps.audit.write({ action, ...actorOf(context), target, outcome: 'done', details: {} });
  }

  router.post('/admin/account/totp', auth.requireOwnPassword, async context => {
    const { encrypted, ...offer } = deps.totp.create(await confirmed(context));
    await offerTotp(pool, signedInOf(context.state).user.id, encrypted);
    context.body = offer satisfies TotpOffer;
  });

  router.post('/admin/account/totp/confirm', auth.requireOwnPassword, async context => {
    const { user } = signedInOf(context.state);
    const { code } = await readJsonBody(context.req, totpConfirmation);
    const secret = await selectTotpOffer(pool, user.id);
    if (!secret)
      throw new ProblemError('not_possible', 'nothing is to be confirmed: begin with POST /admin/account/totp');
    const step = deps.totp.stepOf(code, { id: user.id, encrypted: secret });
    const refused = new ProblemError('invalid_request', 'code: is not what the app shows for this secret now', 'code');
    if (step === null) throw refused;
    const { codes, digests } = createRecoveryCodes();
    if (!(await confirmTotp(pool, user.id, { secret, step, recoveryDigests: digests }))) throw refused;
    deps.sessions.userChanged(user.id);
    tell(context, 'totp.enable');
    context.body = { recoveryCodes: codes } satisfies RecoveryCodes;
  });

  router.post('/admin/account/recovery-codes', auth.requireAuth, async context => {
    const user = await confirmed(context);
    if (!user.totpSecret)
      throw new ProblemError('not_possible', 'there is no second factor that codes could stand in for');
    const { codes, digests } = createRecoveryCodes();
    await replaceRecoveryCodes(pool, user.id, digests);
    tell(context, 'totp.new_recovery_codes');
    context.body = { recoveryCodes: codes } satisfies RecoveryCodes;
  });

  router.delete('/admin/account/totp', auth.requireAuth, async context => {
    if (deps.secondFactorOf.includes(signedInOf(context.state).user.role)) {
      const detail =
        'a second factor is required of you: set up another one in its place with POST /admin/account/totp';
      throw new ProblemError('not_possible', detail);
    }
    const user = await confirmed(context);
    if (await removeTotp(pool, user.id)) tell(context, 'totp.disable');
    deps.sessions.userChanged(user.id);
    context.status = 204;
  });
}

function createRecoveryCodes(): { codes: string[]; digests: Buffer[] } {
  const codes = Array.from({ length: RECOVERY_CODES }, randomReadableCode);
  return { codes, digests: codes.map(digestOfReadableCode) };
}
