import { z } from 'zod';
import { adminRole, sessionAnswer } from './session.ts';

const NAME = 'must be 1 to 50 letters, digits, ".", "_", "@" or "-" and begin with a letter or digit';

export const username = z.string(NAME).regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,49}$/, NAME);

/** Its rules depend on whose it is; this is only what may be looked at. */
export const newPassword = z.string('is required').min(1, 'is required').max(256, 'must have at most 72 bytes');

export const adminUser = z.object({
  id: z.int(),
  username: z.string(),
  role: adminRole,
  active: z.boolean(),
  hasSecondFactor: z.boolean(),
  createdAt: z.iso.datetime(),
  createdBy: z.string().nullable(),
  lastLoginAt: z.iso.datetime().nullable(),
  passwordChangedAt: z.iso.datetime(),
  mustChangePassword: z.boolean(),
  /** Until when somebody is locked out of this user; null: nobody is, or it cannot be told right now. */
  lockedUntil: z.iso.datetime().nullable(),
  sessions: z.int(),
});

export type AdminUser = z.infer<typeof adminUser>;

export const adminUsers = z.object({
  users: z.array(adminUser),
  /** How long a password is good for that somebody else chose. */
  temporaryPasswordMs: z.int(),
});

export type AdminUsers = z.infer<typeof adminUsers>;

/** Without a password one is made, which must be changed and ends soon. */
export const newUserRequest = z.strictObject({
  username,
  role: adminRole,
  password: newPassword.optional(),
});

export type NewUserRequest = z.infer<typeof newUserRequest>;

export const userCreated = z.object({ user: adminUser, temporaryPassword: z.string().optional() });

export type UserCreated = z.infer<typeof userCreated>;

export const userChange = z
  .strictObject({ role: adminRole.optional(), active: z.boolean('must be true or false').optional() })
  .refine(({ role, active }) => role !== undefined || active !== undefined, 'must hold role or active');

export type UserChange = z.infer<typeof userChange>;

export const userAnswer = z.object({ user: adminUser });

export const temporaryPassword = z.object({ temporaryPassword: z.string() });

/** A session of somebody, as he or an admin sees it. `isCurrent`: the one that asks. */
export const adminSession = z.object({
  id: z.uuid(),
  isCurrent: z.boolean(),
  createdAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
});

export type AdminSession = z.infer<typeof adminSession>;

export const adminSessions = z.object({ sessions: z.array(adminSession) });

/**
 * `needed`: there is no user yet. `session`: whose the request is; null when nobody is signed in. `endedAfterMs`: whose it
 * was is signed out because he did nothing for so long.
 */
export const setupState = z.object({
  needed: z.boolean(),
  session: sessionAnswer.nullable(),
  endedAfterMs: z.int().optional(),
});

export type SetupState = z.infer<typeof setupState>;

export const setupRequest = z.strictObject({
  setupCode: z.string('is required').min(1, 'is required').max(64, 'must have at most 64 characters'),
  username,
  password: newPassword,
});

export type SetupRequest = z.infer<typeof setupRequest>;
