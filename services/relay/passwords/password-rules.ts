import { isCommonPassword } from './common-passwords.ts';

const MIN_LENGTH = 12;
/** bcrypt ignores what comes after byte 72: a longer password would be accepted with any ending. */
const MAX_BYTES = 72;
/** Nobody may build on what everybody knows of this installation. */
const PRODUCT_NAMES = ['3cx', 'relay'];
/** A name this short is part of many words. */
const MIN_NAME_LENGTH = 3;

/**
 * What is wrong with a password that somebody chose, as the end of a sentence that begins with its name; undefined:
 * nothing. Length is what makes a password hard to guess, so no kind of character is asked for (NIST SP 800-63B).
 */
export function problemOfPassword(password: string, { username }: { username: string }): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (password.length < MIN_LENGTH) {
    return `must have at least ${MIN_LENGTH} characters (it has ${password.length})`;
  }
  if (bytes > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes (it has ${bytes})`;
  // bcrypt ends a text there.
  if (password.includes('\0')) return 'must not hold a character with code 0';
  const lower = password.toLowerCase();
  const name = username.toLowerCase();
  if (name.length >= MIN_NAME_LENGTH && lower.includes(name)) return 'must not contain the username';
  const product = PRODUCT_NAMES.find(product => lower.includes(product));
  if (product) return `must not contain "${product}", which whoever guesses tries first`;
  if (isCommonPassword(password)) {
    return 'must not be made of passwords that everybody tries: take four words that have nothing to do with each other';
  }
  return undefined;
}
