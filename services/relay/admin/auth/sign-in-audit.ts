import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';

/**
 * Failed sign-ins for the auditors. Strangers make them, so strangers must not decide how fast the audit grows: so many
 * a minute are written, the others are counted in one entry at the end of that minute.
 */
export interface SignInAudit {
  failed(failure: FailedSignIn): void;
  /** Writes what was only counted so far. */
  stop(): void;
}

export interface FailedSignIn {
  /** As it was typed: sometimes a password, in the wrong field. */
  readonly username: string;
  /** Null when there is no such user. */
  readonly userId: number | null;
  readonly address: string | null;
  readonly reason: 'invalid_credentials' | 'invalid_totp' | 'too_many_sign_ins' | 'invalid_setup_code';
}

const WINDOW_MS = 60_000;
const MAX_NAME_LENGTH = 50;
const NOBODY = { kind: 'anonymous', id: 'anonymous', name: 'anonymous' };

export function createSignInAudit(
  { audit }: { audit: Pick<AuditLog, 'write'> },
  { maxPerMinute }: { maxPerMinute: number },
): SignInAudit {
  let written = 0;
  let suppressed = 0;
  let timer: NodeJS.Timeout | undefined;

  function write(failure: Pick<FailedSignIn, 'address' | 'userId'>, details: object): void {
    audit.write({
      action: 'sign_in',
      actor: NOBODY,
      address: failure.address,
      target: failure.userId === null ? null : `user:${failure.userId}`,
      outcome: 'failed',
      details: { ...details },
    });
  }

  function endWindow(): void {
    timer = undefined;
    if (suppressed > 0) write({ address: null, userId: null }, { suppressed });
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
      write(failure, { username: failure.username.slice(0, MAX_NAME_LENGTH), reason: failure.reason });
    },
    stop() {
      clearTimeout(timer);
      endWindow();
    },
  };
}
