import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { acceptTotpStep, useRecoveryCode } from '@3cx-relay/shared/store/admin-second-factor.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { digestOfReadableCode } from './readable-code.ts';
import type { Totp } from './totp.ts';

/** What somebody gives beside his password. */
export interface SecondFactorGiven {
  readonly totp?: string | undefined;
  readonly recoveryCode?: string | undefined;
}

export type SecondFactorVerdict = 'none' | 'totp' | 'recovery_code' | 'totp_required' | 'invalid_totp';

export interface SecondFactor {
  /** `none`: this user has none. What was accepted is used up by this. */
  check(
    user: { id: number; username: string; totpSecret: Buffer | null },
    given: SecondFactorGiven,
  ): Promise<SecondFactorVerdict>;
}

export function createSecondFactor(deps: {
  pool: PostgresPool['pool'];
  totp: Totp;
  errors: ErrorSink;
  logger: Logger;
  now: () => number;
}): SecondFactor {
  function stepOf(code: string, user: { id: number; username: string; encrypted: Buffer }): number | null {
    try {
      return deps.totp.stepOf(code, user);
    } catch (error) {
      announce(deps, {
        component: 'relay',
        severity: 'error',
        message:
          'the second factor of a user cannot be read, as after a change of ADMIN_SECRET: a recovery code still lets him in, or another admin removes the second factor',
        details: { username: user.username, error },
      });
      return null;
    }
  }

  return {
    async check(user, { totp, recoveryCode }) {
      if (user.totpSecret === null) return 'none';
      if (recoveryCode !== undefined) {
        const code = { digest: digestOfReadableCode(recoveryCode), now: new Date(deps.now()) };
        return (await useRecoveryCode(deps.pool, user.id, code)) ? 'recovery_code' : 'invalid_totp';
      }
      if (totp === undefined) return 'totp_required';
      const step = stepOf(totp, { ...user, encrypted: user.totpSecret });
      // Whoever looked over a shoulder has half a minute, and no code to use in it.
      return step !== null && (await acceptTotpStep(deps.pool, user.id, step)) ? 'totp' : 'invalid_totp';
    },
  };
}
