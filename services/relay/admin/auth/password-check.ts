import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { rehashAdminPassword, type StoredAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { isComparedWhole } from '@3cx-relay/shared/wire/admin/password-rules.ts';
import type { PasswordHash } from '../../passwords/password-hash.ts';
import { ProblemError } from '../../public/problem-error.ts';

/**
 * Compares passwords of users. bcrypt runs in every case, also for a name that nobody has and a user who is not active:
 * which of them it was must not be told by the time that the answer takes.
 */
export interface PasswordCheck {
  isRight(password: string, user: StoredAdminUser | null): Promise<boolean>;
  /** Hashes anew what was hashed with another cost; to be called once the password is known to be right. */
  renew(password: string, user: StoredAdminUser): Promise<void>;
  hash(password: string): Promise<string>;
}

/** Salt and hash of random bytes that were thrown away. */
const NOBODY = 'CJfwo6ME1BTizjTh8YCpiejmVKGFLb3sP.MFQQ80676EHL/Hsxfm.';
const COST = /^\$2[aby]\$(\d\d)\$/;
const BUSY = new Set(['BCRYPT_BUSY', 'BCRYPT_STOPPED', 'BCRYPT_FAILED']);

export function createPasswordCheck(deps: {
  pool: PostgresPool['pool'];
  passwordHash: PasswordHash;
  logger: Logger;
  now: () => number;
}): PasswordCheck {
  const { pool, passwordHash } = deps;
  /** As much work as a real one. */
  const hashOfNobody = `$2b$${String(passwordHash.cost).padStart(2, '0')}$${NOBODY}`;
  return {
    async isRight(password, user) {
      const isEqual = await unlessBusy(passwordHash.verify(password, user?.passwordHash ?? hashOfNobody));
      const hasEnded = user?.passwordExpiresAt && user.passwordExpiresAt.getTime() <= deps.now();
      // Only now: that a password is too long must not be told by a faster answer.
      return isEqual && isComparedWhole(password) && user?.active === true && !hasEnded;
    },
    async renew(password, user) {
      if (Number(COST.exec(user.passwordHash)?.[1]) === passwordHash.cost) return;
      try {
        const by = await passwordHash.hash(password);
        await rehashAdminPassword(pool, user.id, { replaces: user.passwordHash, by });
      } catch (error) {
        // The next sign-in tries again.
        deps.logger.debug({ err: error }, 'a password was not hashed anew');
      }
    },
    hash: password => unlessBusy(passwordHash.hash(password)),
  };
}

async function unlessBusy<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OperatorError && BUSY.has(error.code)) throw new ProblemError('unavailable', error.message);
    throw error;
  }
}
