import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import type { StoredAdminUser } from '@3cx-relay/shared/store/admin-users.ts';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { createPasswordHash } from '../../passwords/password-hash.ts';
import { createPasswordCheck } from './password-check.ts';

const bcrypt = createPasswordHash({ cost: 4 });
const logger = createLogger({ name: 'test', level: 'silent' });
const compared: string[] = [];
const passwordHash = {
  ...bcrypt,
  verify(text: string, hash: string) {
    compared.push(hash.slice(0, 7));
    return bcrypt.verify(text, hash);
  },
};
const now = Date.now();
// Never connected: comparing reads nothing.
const pool = new pg.Pool();
const check = createPasswordCheck({ pool, passwordHash, logger, now: () => now });

afterAll(() => bcrypt.stop());

const ada = async (changed: Partial<StoredAdminUser> = {}): Promise<StoredAdminUser> => ({
  ...{ id: 1, username: 'ada', role: 'admin', active: true, totpSecret: null },
  ...{ passwordHash: await bcrypt.hash('correct horse battery'), mustChangePassword: false, passwordExpiresAt: null },
  ...changed,
});

test('bcrypt runs once whoever it is, and for somebody who does not exist at the cost of everybody', async () => {
  const isRight = (user: StoredAdminUser | null, password = 'correct horse battery') => check.isRight(password, user);
  expect(await isRight(await ada())).toBe(true);
  expect(await isRight(await ada(), 'wrong horse battery')).toBe(false);
  expect(await isRight(await ada({ active: false }))).toBe(false);
  expect(await isRight(null)).toBe(false);
  expect(compared).toEqual(['$2b$04$', '$2b$04$', '$2b$04$', '$2b$04$']);
});

test('a temporary password ends at its time', async () => {
  const until = (ms: number) => ada({ passwordExpiresAt: new Date(now + ms) });
  expect(await check.isRight('correct horse battery', await until(1))).toBe(true);
  expect(await check.isRight('correct horse battery', await until(0))).toBe(false);
});

test.each([
  ['a', 'of exactly 72 bytes', 'a'],
  ['ü', 'of 72 bytes in 36 letters', 'ü'],
  ['key', 'that bcrypt would begin again after its end', '\0key'],
])('to a password (%s…) %s nothing may be added, and bcrypt runs once all the same', async (letter, _, ending) => {
  const password = letter === 'key' ? letter : letter.repeat(72 / Buffer.byteLength(letter));
  const user = await ada({ passwordHash: await bcrypt.hash(password) });
  compared.length = 0;
  expect(await check.isRight(password, user)).toBe(true);
  expect(await check.isRight(`${password}${ending}`, user)).toBe(false);
  // Without the check it would be the same to bcrypt.
  expect(await bcrypt.verify(`${password}${ending}`, user.passwordHash)).toBe(true);
  expect(compared).toHaveLength(2);
});

test('as many passwords as wait already are enough: the next one is told to come back', async () => {
  const busy = createPasswordHash({ cost: 4, maxWaiting: 0 });
  const crowded = createPasswordCheck({ pool, passwordHash: busy, logger, now: Date.now });
  await expect(crowded.hash('x')).rejects.toMatchObject({ problem: { code: 'unavailable', status: 503 } });
  await busy.stop();
});
