import type { RelayConfig } from '../../config.ts';
import type { OpenAdminDeps } from '../admin-deps.ts';
import { createPasswordCheck, type PasswordCheck } from './password-check.ts';
import { createSecondFactor, type SecondFactor } from './second-factor.ts';
import type { AdminSessions } from './sessions.ts';
import { createSignIn, type SignIn } from './sign-in.ts';
import { createSignInAudit, type SignInAudit } from './sign-in-audit.ts';
import { createSignInLimits, type SignInLimits, toSignInLimits } from './sign-in-limits.ts';
import { createTotp, type Totp } from './totp.ts';

/** The parts that signing in is made of, some of which the account and the users need, too. */
export interface SigningIn {
  readonly signIn: SignIn;
  readonly passwords: PasswordCheck;
  readonly limits: SignInLimits;
  readonly failures: SignInAudit;
  /** Passwords that were to be confirmed by who is signed in. */
  readonly confirmations: SignInAudit;
  readonly secondFactor: SecondFactor;
  readonly totp: Totp;
}

export function openSignIn(
  config: RelayConfig,
  deps: OpenAdminDeps & { sessions: AdminSessions; now: () => number },
): SigningIn {
  const maxPerMinute = config.ADMIN_FAILED_SIGN_IN_AUDITS_PER_MINUTE;
  const parts = {
    passwords: createPasswordCheck(deps),
    limits: createSignInLimits(deps, toSignInLimits(config)),
    failures: createSignInAudit(deps, { action: 'sign_in', maxPerMinute }),
    confirmations: createSignInAudit(deps, { action: 'password.confirm', maxPerMinute }),
    totp: createTotp(config.ADMIN_SECRET, deps.now),
  };
  const secondFactor = createSecondFactor({ ...deps, totp: parts.totp });
  return { ...parts, secondFactor, signIn: createSignIn({ ...deps, ...parts, secondFactor }) };
}
