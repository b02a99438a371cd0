import { z } from 'zod';
import { secret, sessionUser } from './session.ts';
import { newPassword } from './users.ts';

export const account = z.object({
  user: sessionUser,
  createdAt: z.iso.datetime(),
  passwordChangedAt: z.iso.datetime(),
  lastLoginAt: z.iso.datetime().nullable(),
  recoveryCodesLeft: z.int(),
  /** Then it is replaced by another one, and not removed. */
  isSecondFactorRequired: z.boolean(),
});

export type Account = z.infer<typeof account>;

export const passwordChange = z.strictObject({ currentPassword: secret, newPassword });

export type PasswordChange = z.infer<typeof passwordChange>;

/**
 * Proves that whoever changes the second factor is the one who signed in. Who has one gives it, too: a code of his app as
 * `totp`, or a recovery code.
 */
export const identityConfirmation = z.strictObject({
  password: secret,
  totp: secret.optional(),
  recoveryCode: secret.optional(),
});

export type IdentityConfirmation = z.infer<typeof identityConfirmation>;

/** The password may be left out shortly after a sign-in. */
export const sessionsEnd = z.strictObject({ password: secret.optional() });

export type SessionsEnd = z.infer<typeof sessionsEnd>;

/** Not in force before a code of it was given. `otpauthUri` is what an authenticator app reads from a QR code. */
export const totpOffer = z.object({ secret: z.string(), otpauthUri: z.string() });

export type TotpOffer = z.infer<typeof totpOffer>;

export const totpConfirmation = z.strictObject({
  code: z.string('is required').regex(/^\s*\d{3}\s?\d{3}\s*$/, 'must be the six digits that the app shows'),
});

export type TotpConfirmation = z.infer<typeof totpConfirmation>;

/** Shown this once. */
export const recoveryCodes = z.object({ recoveryCodes: z.array(z.string()) });

export type RecoveryCodes = z.infer<typeof recoveryCodes>;
