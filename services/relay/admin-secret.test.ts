import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { adminSecret } from './admin-secret.ts';

const isTaken = (secret: string) => adminSecret.safeParse(secret).success;

test.each(['hex', 'base64', 'base64url'] as const)('random bytes as %s are taken', encoding => {
  for (let n = 0; n < 200; n += 1) expect(isTaken(randomBytes(32).toString(encoding))).toBe(true);
});

test.each([
  'x'.repeat(64),
  'abc123'.repeat(8),
  '0123456789abcdef0123456789abcdef',
  'change-me-change-this-change-it-please',
  'your-super-secret-admin-token-please-change',
  'replace_with_a_random_string_of_32_characters',
])('%s is refused', secret => {
  expect(adminSecret.safeParse(secret).error?.issues[0]?.message).toContain('openssl rand -hex 32');
  expect(isTaken(secret)).toBe(false);
});
