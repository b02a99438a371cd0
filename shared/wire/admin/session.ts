import { z } from 'zod';

export const ADMIN_ROLES = ['admin', 'viewer'] as const;

export const adminRole = z.enum(ADMIN_ROLES, { error: `must be one of ${ADMIN_ROLES.join(', ')}` });

/** `viewer` reads everything but users and their sessions; `admin` everything, and only he changes anything. */
export type AdminRole = z.infer<typeof adminRole>;

/** Where a browser's session token rides, and where what it proves about its own page does. */
export const ADMIN_COOKIE = 'admin_token';
export const CSRF_HEADER = 'x-csrf-token';

/** Most characters of what is compared and not stored; a stored password has its own rules. */
const MAX_SECRET_LENGTH = 256;
const MAX_NAME_LENGTH = 256;

/** A password or a code that is compared with what is stored. */
export const secret = z
  .string('is required')
  .min(1, 'is required')
  .max(MAX_SECRET_LENGTH, `must have at most ${MAX_SECRET_LENGTH} characters`);

/** `totp` or `recoveryCode` where the user has a second factor; `answer: "token"` for a script that keeps no cookies. */
export const signInRequest = z.strictObject({
  username: z
    .string('is required')
    .min(1, 'is required')
    .max(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`),
  password: secret,
  totp: secret.optional(),
  recoveryCode: secret.optional(),
  answer: z.enum(['cookie', 'token'], { error: 'must be "cookie" or "token"' }).default('cookie'),
});

export type SignInRequest = z.input<typeof signInRequest>;

export const sessionUser = z.object({
  id: z.int(),
  username: z.string(),
  role: adminRole,
  hasSecondFactor: z.boolean(),
  /** Nothing but choosing a password is allowed before that is done. */
  mustChangePassword: z.boolean(),
  /** It is required of him and he has none: nothing but setting one up is allowed before that is done. */
  mustSetUpSecondFactor: z.boolean(),
});

export type SessionUser = z.infer<typeof sessionUser>;

/** Who is signed in; `csrfToken` goes into `x-csrf-token` of every request that changes something. */
export const sessionAnswer = z.object({
  user: sessionUser,
  csrfToken: z.string(),
  expiresAt: z.iso.datetime(),
  /** Only for who asked for it in place of the cookie. */
  token: z.string().optional(),
});

export type SessionAnswer = z.infer<typeof sessionAnswer>;
