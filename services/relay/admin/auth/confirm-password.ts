import { type StoredAdminUser, selectAdminUserByName } from '@3cx-relay/shared/store/admin-users.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { SignedIn } from '../admin-state.ts';
import type { SignInDeps } from './sign-in.ts';
import type { SignInAudit } from './sign-in-audit.ts';

/**
 * Lets somebody who is signed in prove that he is still the same, before he changes how he signs in. Guesses count like
 * those of a sign-in: otherwise a screen that was left unlocked would be a place to guess at.
 */
export type ConfirmPassword = (
  signedIn: SignedIn,
  given: { password: string; field: string; address: string | null },
) => Promise<StoredAdminUser>;

/** @throws ProblemError `wrong_password`, `too_many_sign_ins` */
export function createConfirmPassword(
  deps: Pick<SignInDeps, 'pool' | 'passwords' | 'limits'> & { confirmations: SignInAudit },
): ConfirmPassword {
  return async ({ user: signedIn }, { password, field, address }) => {
    const { username } = signedIn;
    const attempt = { username, address };
    const refuse = (reason: 'wrong_password' | 'too_many_sign_ins') =>
      deps.confirmations.failed({ user: signedIn, address, reason });
    const lockedMs = await deps.limits.attempt(attempt);
    if (lockedMs > 0) {
      refuse('too_many_sign_ins');
      throw tooManySignIns(lockedMs);
    }
    const user = await selectAdminUserByName(deps.pool, username);
    if (!(await deps.passwords.isRight(password, user)) || !user) {
      refuse('wrong_password');
      throw new ProblemError('wrong_password', `${field}: is not the password of ${username}`, field);
    }
    await deps.limits.succeeded(attempt, true);
    return user;
  };
}

export function tooManySignIns(retryAfterMs: number): ProblemError {
  const detail = 'too many attempts have failed: wait, or let an admin lift the lock';
  return ProblemError.of({ ...problem('too_many_sign_ins', detail), retryAfterMs });
}
