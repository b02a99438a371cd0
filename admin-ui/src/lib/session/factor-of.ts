import type { IdentityConfirmation } from '@3cx-relay/shared/wire/admin/account.ts';

/** A code as somebody types it: six digits are of an app, with or without a space, anything else is a recovery code. */
export function factorOf(
  typed: string,
): Pick<IdentityConfirmation, 'totp'> | Pick<IdentityConfirmation, 'recoveryCode'> {
  const digits = typed.replaceAll(/\s/g, '');
  return /^\d{0,6}$/.test(digits) ? { totp: digits } : { recoveryCode: typed.trim() };
}
