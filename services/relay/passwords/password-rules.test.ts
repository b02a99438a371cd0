import { expect, test } from 'vitest';
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
  ['passwordpassword1234', 'everybody tries'],
])('%j is refused, and why: %s', (password, why) => {
  expect(problemOf(password)).toContain(why);
});
