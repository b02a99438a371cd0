import { Secret, TOTP } from 'otpauth';
import { expect, test } from 'vitest';
import { createTotp } from './totp.ts';

const adminSecret = 'for tests only: 0123456789abcdef0123456789abcdef';
const user = { id: 7, username: 'ada' };
const STEP_MS = 30_000;

test('the codes are those of RFC 6238', () => {
  // Appendix B, the last six of the eight digits.
  const secret = Secret.fromLatin1('12345678901234567890');
  const totp = new TOTP({ algorithm: 'SHA1', digits: 6, period: 30, secret });
  const codes = [59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000];
  expect(codes.map(seconds => totp.generate({ timestamp: seconds * 1000 }))).toEqual([
    ...['287082', '081804', '050471', '005924', '279037', '353130'],
  ]);
});

test('a code is right in its step, the one before and the one after, and told by its step', () => {
  let now = 1_000_000 * STEP_MS;
  const totp = createTotp(adminSecret, () => now);
  const { secret, encrypted, otpauthUri } = totp.create(user);
  expect(otpauthUri).toContain(`secret=${secret}`);
  const code = generatorOf(secret).generate({ timestamp: now });
  const stepAt = (steps: number) => {
    now = (1_000_000 + steps) * STEP_MS;
    return totp.stepOf(code, { id: user.id, encrypted });
  };
  expect([-2, -1, 0, 1, 2].map(stepAt)).toEqual([null, 1_000_000, 1_000_000, 1_000_000, null]);
  now = 1_000_000 * STEP_MS;
  const typed = `${code.slice(0, 3)} ${code.slice(3)}`;
  expect(totp.stepOf(typed, { id: user.id, encrypted })).toBe(1_000_000);
});

test('a stored secret is of no use with another ADMIN_SECRET, to another user or when it was changed', () => {
  const totp = createTotp(adminSecret, Date.now);
  const { encrypted } = totp.create(user);
  const changed = Buffer.from(encrypted);
  changed[15] = (changed[15] ?? 0) ^ 1;
  expect(() => createTotp(`${adminSecret}!`, Date.now).stepOf('000000', { id: 7, encrypted })).toThrow();
  expect(() => totp.stepOf('000000', { id: 8, encrypted })).toThrow();
  expect(() => totp.stepOf('000000', { id: 7, encrypted: changed })).toThrow();
  expect(totp.create(user).encrypted).not.toEqual(encrypted);
});

function generatorOf(secret: string): TOTP {
  return new TOTP({ algorithm: 'SHA1', digits: 6, period: 30, secret: Secret.fromBase32(secret) });
}
