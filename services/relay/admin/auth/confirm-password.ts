import { type StoredAdminUser, selectAdminUserByName } from '@3cx-relay/shared/store/admin-users.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { SignedIn } from '../admin-state.ts';
import type { SecondFactorGiven } from './second-factor.ts';
import type { SignInDeps } from './sign-in.ts';
import type { FailedSignIn, SignInAudit } from './sign-in-audit.ts';
import { judge } from './sign-in-limits.ts';

/**
 * Lets somebody who is signed in prove that he is still the same, before he changes how he signs in. Guesses count like
 * those of a sign-in: otherwise a screen that was left unlocked would be a place to guess at.
 */
export type ConfirmPassword = (signedIn: SignedIn, given: Confirmation) => Promise<StoredAdminUser>;

export interface Confirmation {
  readonly password: string;
  /** Where the password stands in the request. */
  readonly field: string;
  readonly address: string | null;
  /** Absent: the second factor is not asked for. Present: who has one must give it. */
  readonly factor?: SecondFactorGiven;
}

/** @throws ProblemError `wrong_password`, `second_factor_required`, `wrong_second_factor`, `too_many_sign_ins` */
export function createConfirmPassword(
  deps: Pick<SignInDeps, 'pool' | 'passwords' | 'limits' | 'secondFactor'> & { confirmations: SignInAudit },
): ConfirmPassword {
  return async ({ user: signedIn }, { password, field, address, factor }) => {
    const { username } = signedIn;
    const attempt = { username, address };
    const tell = (reason: FailedSignIn['reason']) => deps.confirmations.failed({ user: signedIn, address, reason });
    const lockedMs = await deps.limits.attempt(attempt);
    if (lockedMs > 0) {
      tell('too_many_sign_ins');
      throw tooManySignIns(lockedMs);
    }
    const { user, isRight } = await judge(deps.limits, attempt, async () => {
      const found = await selectAdminUserByName(deps.pool, username);
      return { user: found, isRight: await deps.passwords.isRight(password, found) };
    });
    if (!user || !isRight) {
      tell('wrong_password');
      throw new ProblemError('wrong_password', `${field}: is not the password of ${username}`, field);
    }
    const verdict = await judge(deps.limits, attempt, () => deps.secondFactor.check(user, factor ?? {}));
    if (verdict === 'invalid_totp') {
      tell(verdict);
      const codeField = factor?.recoveryCode === undefined ? 'totp' : 'recoveryCode';
      const detail = `${codeField}: is not right, or was used before`;
      throw new ProblemError('wrong_second_factor', detail, codeField);
    }
    // A password alone is no proof of who has a second factor, and lifts no count of guesses at that one.
    await deps.limits.succeeded(attempt, verdict !== 'totp_required');
    if (factor && verdict === 'totp_required') {
      tell(verdict);
      const detail = 'totp: is required of who has a second factor, or a recovery code as recoveryCode';
      throw new ProblemError('second_factor_required', detail, 'totp');
    }
    return user;
  };
}

export function tooManySignIns(retryAfterMs: number): ProblemError {
  const detail = 'too many attempts have failed: wait, or let an admin lift the lock';
  return ProblemError.of({ ...problem('too_many_sign_ins', detail), retryAfterMs });
}
