/** What only the admin API answers, beside the codes of the public one. */
export const ADMIN_PROBLEMS = {
  /** The same for a user that does not exist, is not active or gave another password. */
  invalid_credentials: { status: 401, title: 'Unauthorized' },
  /** The password was right, and a code is needed beside it. */
  totp_required: { status: 401, title: 'Unauthorized' },
  invalid_totp: { status: 401, title: 'Unauthorized' },
  invalid_setup_code: { status: 401, title: 'Unauthorized' },
  /** Of somebody who is signed in and was asked for his password once more. */
  wrong_password: { status: 403, title: 'Forbidden' },
  /** The same of his second factor: it was not given, or is not right or was used before. */
  second_factor_required: { status: 403, title: 'Forbidden' },
  wrong_second_factor: { status: 403, title: 'Forbidden' },
  /** The sign-in was too long ago for this: the password is asked for once more. */
  password_required: { status: 403, title: 'Forbidden' },
  /** Too many failures from here, or for this user. */
  too_many_sign_ins: { status: 429, title: 'Too Many Requests', retryAfterMs: 60_000 },
  /** There is a user already: he makes the others. */
  setup_done: { status: 409, title: 'Conflict' },
  username_taken: { status: 409, title: 'Conflict' },
  /** Nobody would be left who may change anything. */
  last_admin: { status: 409, title: 'Conflict' },
  /** Not in the present state: `detail` says what comes before. */
  not_possible: { status: 409, title: 'Conflict' },
  unsupported_media_type: { status: 415, title: 'Unsupported Media Type' },
  /** A request that the cookie authenticates changes something only with the token of its session. */
  csrf_required: { status: 403, title: 'Forbidden' },
  /** A page of another site sent it. */
  cross_site: { status: 403, title: 'Forbidden' },
  /** Somebody else chose the password: nothing else is allowed before it is changed. */
  password_change_required: { status: 403, title: 'Forbidden' },
  /** A second factor is required of this user: nothing else is allowed before he has set one up. */
  second_factor_setup_required: { status: 403, title: 'Forbidden' },
  /** One user made as many API keys in an hour as he may. */
  too_many_new_keys: { status: 429, title: 'Too Many Requests', retryAfterMs: 60_000 },
  /** It is revoked, has expired, or another was made in its place already. */
  not_rotatable: { status: 409, title: 'Conflict' },
  /** The link of a wallboard is not valid, has ended or was revoked. */
  invalid_wallboard: { status: 401, title: 'Unauthorized' },
} as const;

export type AdminProblemCode = keyof typeof ADMIN_PROBLEMS;
