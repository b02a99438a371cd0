import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { toAdminActor } from '../../admin-actor.ts';

/**
 * Attempts to sign in, or to confirm a password, that were not the whole of it, for the auditors. Strangers make them, so
 * strangers must not decide how fast the audit grows: so many a minute are written, the others are counted in one entry
 * at the end of that minute.
 */
export interface SignInAudit {
  failed(failure: FailedSignIn): void;
  /** Writes what was only counted so far. */
  stop(): Promise<void>;
}

export interface FailedSignIn {
  /**
   * Null when there is no such user: what was typed as a name is not written then, because sometimes it is a password in
   * the wrong field. A function is asked only for what is written.
   */
  readonly user: AttemptedUser | null | (() => Promise<AttemptedUser | null>);
  readonly address: string | null;
  /** `totp_required`: the password was right, and nothing was given beside it. */
  readonly reason:
    | 'invalid_credentials'
    | 'wrong_password'
    | 'totp_required'
    | 'invalid_totp'
    | 'too_many_sign_ins'
    | 'invalid_setup_code';
}

export interface AttemptedUser {
  readonly id: number;
  readonly username: string;
}

const WINDOW_MS = 60_000;
const NOBODY = { kind: 'anonymous', id: 'anonymous', name: 'anonymous' } as const;

/** `password.confirm`: by somebody who is signed in, so that he is known. */
export function createSignInAudit(
  { audit }: { audit: Pick<AuditLog, 'write'> },
  { action, maxPerMinute }: { action: 'sign_in' | 'password.confirm'; maxPerMinute: number },
): SignInAudit {
  const lookups = new Set<Promise<void>>();
  let written = 0;
  let suppressed = 0;
  let timer: NodeJS.Timeout | undefined;

  function write({ address, reason }: FailedSignIn, user: AttemptedUser | null): void {
    audit.write({
      ...{ action, address },
      actor: action === 'password.confirm' && user ? toAdminActor(user) : NOBODY,
      target: user && `user:${user.id}`,
      // Every sign-in with a second factor in two steps begins like this: no failure, unless nothing follows.
      outcome: reason === 'totp_required' ? 'second_factor_required' : 'failed',
      details: { ...(user && { username: user.username }), reason },
    });
  }

  function lookUpAndWrite(failure: FailedSignIn, find: () => Promise<AttemptedUser | null>): void {
    const lookup = find()
      .catch(() => null)
      .then(user => write(failure, user))
      .finally(() => lookups.delete(lookup));
    lookups.add(lookup);
  }

  function endWindow(): void {
    timer = undefined;
    if (suppressed > 0) {
      const nobody = { actor: NOBODY, address: null, target: null };
      audit.write({ action, ...nobody, outcome: 'failed', details: { suppressed } });
    }
    written = 0;
    suppressed = 0;
  }

  return {
    failed(failure) {
      timer ??= setTimeout(endWindow, WINDOW_MS).unref();
      if (written >= maxPerMinute) {
        suppressed += 1;
        return;
      }
      written += 1;
      if (typeof failure.user === 'function') lookUpAndWrite(failure, failure.user);
      else write(failure, failure.user);
    },
    async stop() {
      clearTimeout(timer);
      endWindow();
      await Promise.all(lookups);
    },
  };
}
