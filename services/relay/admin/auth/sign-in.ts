import { type StoredAdminUser, selectAdminUserByName } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { username as usernameSchema } from '@3cx-relay/shared/wire/admin/users.ts';
import type { SignedIn } from '../admin-state.ts';
import type { PasswordCheck } from './password-check.ts';
import type { SecondFactor, SecondFactorGiven } from './second-factor.ts';
import type { AdminSessions, SessionOrigin } from './sessions.ts';
import type { SignInAudit } from './sign-in-audit.ts';
import { judge, type SignInLimits } from './sign-in-limits.ts';

export interface Credentials extends SecondFactorGiven {
  readonly username: string;
  readonly password: string;
}

export type SignInResult =
  | { readonly ok: true; readonly signedIn: SignedIn; readonly secondFactor: 'none' | 'totp' | 'recovery_code' }
  | { readonly ok: false; readonly reason: 'invalid_credentials' | 'totp_required' | 'invalid_totp' }
  | { readonly ok: false; readonly reason: 'too_many_sign_ins'; readonly retryAfterMs: number };

export type SignIn = (credentials: Credentials, from: SessionOrigin) => Promise<SignInResult>;

export interface SignInDeps {
  readonly pool: PostgresPool['pool'];
  readonly sessions: AdminSessions;
  readonly passwords: PasswordCheck;
  readonly secondFactor: SecondFactor;
  readonly limits: SignInLimits;
  readonly failures: SignInAudit;
}

/**
 * Password, then second factor, then a session. That a second factor is missing is said only to who knows the password;
 * everybody else hears the same, after the same work.
 */
export function createSignIn(deps: SignInDeps): SignIn {
  return async (credentials, from) => {
    const { username, password } = credentials;
    const attempt = { username, address: from.address };
    const lockedMs = await deps.limits.attempt(attempt);
    // PostgreSQL folds letters that we do not: a name that nobody can have would be somebody's, and count for nobody.
    const isName = usernameSchema.safeParse(username).success;
    const find = async () => (isName ? selectAdminUserByName(deps.pool, username) : null);
    if (lockedMs > 0) {
      deps.failures.failed({ user: find, address: from.address, reason: 'too_many_sign_ins' });
      return { ok: false, reason: 'too_many_sign_ins', retryAfterMs: lockedMs };
    }

    const { user, isRight } = await judge(deps.limits, attempt, async () => {
      const found = await find();
      return { user: found, isRight: await deps.passwords.isRight(password, found) };
    });
    const refuse = (reason: 'invalid_credentials' | 'invalid_totp' | 'totp_required') =>
      deps.failures.failed({ user, address: from.address, reason });
    if (!user || !isRight) {
      refuse('invalid_credentials');
      return { ok: false, reason: 'invalid_credentials' };
    }
    const secondFactor = await judge(deps.limits, attempt, () => deps.secondFactor.check(user, credentials));
    if (secondFactor === 'totp_required') {
      await deps.limits.succeeded(attempt, false);
      refuse(secondFactor);
      return { ok: false, reason: secondFactor };
    }
    if (secondFactor === 'invalid_totp') {
      refuse(secondFactor);
      return { ok: false, reason: secondFactor };
    }
    return begin(user, secondFactor);

    async function begin(known: StoredAdminUser, factor: 'none' | 'totp' | 'recovery_code'): Promise<SignInResult> {
      const signedIn = (await deps.sessions.begin(known, from)) ?? (await beginAgain());
      if (!signedIn) {
        refuse('invalid_credentials');
        return { ok: false, reason: 'invalid_credentials' };
      }
      await deps.limits.succeeded(attempt, true);
      void deps.passwords.renew(password, known);
      return { ok: true, signedIn, secondFactor: factor };
    }

    /** What was compared is not stored any more. It may be the same password, which another sign-in hashed anew. */
    async function beginAgain(): Promise<SignedIn | null> {
      const found = await find();
      return found && (await deps.passwords.isRight(password, found)) ? deps.sessions.begin(found, from) : null;
    }
  };
}
