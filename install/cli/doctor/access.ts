import { listAdminUsers } from '@3cx-relay/shared/store/admin-users.ts';
import { type ListedApiKey, listApiKeys } from '@3cx-relay/shared/store/api-keys.ts';
import { adminSecret } from '../../../services/relay/admin-secret.ts';
import { type Check, type Finding, failure, ok, unknown, warning } from './check.ts';

const DAY_MS = 86_400_000;
const UNUSED_DAYS = 90;
/** A key that was made just now need not have been used. */
const NEW_DAYS = 7;

/** Who gets in, and how well that is guarded. */
export const accessChecks: readonly Check[] = [
  {
    name: 'keys',
    run: async ({ pool, now }) => judgeKeys(await listApiKeys(pool()), now()),
  },
  {
    name: 'second-factor',
    run: async ({ pool, now }) => {
      const users = await listAdminUsers(pool(), { now: new Date(now()) });
      const admins = users.filter(({ role, active }) => active && role === 'admin');
      if (admins.length === 0) return failure('nobody can change anything in the panel', 'run "3cx-relay user create"');
      const without = admins.filter(({ hasSecondFactor }) => !hasSecondFactor).map(({ username }) => username);
      if (without.length === 0) return ok(`${admins.length} admins, each with a second factor`);
      return warning(
        `without a second factor: ${without.join(', ')}`,
        'each sets one up in the panel, under his account',
      );
    },
  },
  {
    name: 'admin-secret',
    of: 'relay',
    run: async ({ settings }) => {
      const secret = settings.values.ADMIN_SECRET;
      if (secret === undefined)
        return settings.unreadable
          ? unknown(`${settings.unreadable} can be read by root alone`)
          : failure('ADMIN_SECRET is not set', 'make one with "openssl rand -hex 32"');
      const { error } = adminSecret.safeParse(secret);
      if (!error) return ok('ADMIN_SECRET is long and random');
      return failure(
        `ADMIN_SECRET ${error.issues[0]?.message ?? 'is weak'}`,
        'take another one; users then set up their second factors anew',
      );
    },
  },
];

export function judgeKeys(all: readonly ListedApiKey[], now: number): Finding {
  const age = (time: Date) => (now - time.getTime()) / DAY_MS;
  const keys = all.filter(({ active, expiresAt }) => active && (expiresAt === null || expiresAt.getTime() > now));
  const problems = [
    ['never used', keys.filter(key => key.lastUsedAt === null && age(key.createdAt) > NEW_DAYS)],
    [
      `unused for ${UNUSED_DAYS} days`,
      keys.filter(key => key.lastUsedAt !== null && age(key.lastUsedAt) > UNUSED_DAYS),
    ],
    ['without an end', keys.filter(key => key.expiresAt === null)],
    ['without any restriction', keys.filter(key => key.dns === null && key.addresses === null)],
  ] as const;
  const found = problems.filter(([, some]) => some.length > 0);
  if (found.length === 0) return ok(`${keys.length} keys, each used, limited and with an end`);
  const text = found.map(([what, some]) => `${what}: ${some.map(({ id }) => `#${id}`).join(', ')}`).join('; ');
  return warning(text, 'revoke those that nobody needs; rotate the others with --expires, --dns or --addresses');
}
