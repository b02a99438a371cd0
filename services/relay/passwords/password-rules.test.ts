import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DIGEST_BYTES } from './leaked-passwords.ts';
import { problemOfPassword } from './password-rules.ts';

const problemOf = (password: string) => problemOfPassword(password, { username: 'Ada.Lovelace' });

test.each([
  'correct horse battery staple',
  'fünf Äpfel & ein Gewitter',
  'kqzvjwhxbtmd',
  '83641975203846',
  'monkey sunshine dragon football',
  'six purple elephants',
])('%s is a password', password => {
  expect(problemOf(password)).toBeUndefined();
});

test.each([
  ['eleven char', 'at least 12 characters (it has 11)'],
  ['ü'.repeat(37), 'at most 72 bytes (it has 74)'],
  ['long enough\0really', 'code 0'],
  ['my ada.LOVELACE is here', 'the username'],
  ['the Relay of the house', '"relay"'],
  ['our 3CX telephones', '"3cx"'],
  ['password1234', 'everybody tries'],
  ['P4ssw0rd!!2026', 'everybody tries'],
  ['qwertyuiop123', 'everybody tries'],
  ['monkeydragon!', 'everybody tries'],
  ['leavemealone', 'everybody tries'],
  ['aaaaaaaaaaaaaaaa', 'everybody tries'],
  ['xkzxkzxkzxkzxk', 'everybody tries'],
  // Of the 3000 that leaked most often, and made of nothing that is common by itself.
  ['141312190296q', 'leaked'],
  ['hjpjxrf23062007', 'leaked'],
  ['1234567890QWERTYUIOP', 'leaked'],
  ['silmarillion', 'leaked'],
  ['weaknesspays', 'leaked'],
  ['g00dPa$$w0rD', 'leaked'],
  ['passwordpassword1234', 'everybody tries'],
])('%j is refused, and why: %s', (password, why) => {
  expect(problemOf(password)).toContain(why);
});

test('the list of those that leaked is whole: more than the 3000 most common of 12 characters, in order, each once', () => {
  const list = readFileSync(new URL('leaked-passwords.bin', import.meta.url));
  const digests = Array.from({ length: list.length / DIGEST_BYTES }, (_, index) =>
    list.readUIntBE(index * DIGEST_BYTES, DIGEST_BYTES),
  );
  expect(digests).toHaveLength(43_940);
  expect(digests.every((digest, index) => index === 0 || digest > (digests[index - 1] ?? 0))).toBe(true);
});
