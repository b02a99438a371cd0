/**
 * What may be told of a password without a list of the common ones: by the relay, which decides, and by a form while
 * somebody types. Length is what makes a password hard to guess, so no kind of character is asked for (NIST SP 800-63B).
 */
export interface PasswordRule {
  readonly name: 'min_length' | 'max_bytes' | 'no_null' | 'no_username' | 'no_product_name';
  readonly isMet: boolean;
  /** The end of a sentence that begins with the password's name. */
  readonly problem: string;
}

export const MIN_PASSWORD_LENGTH = 12;
/** bcrypt ignores what comes after byte 72: it would take a password of that length with any ending. */
export const MAX_PASSWORD_BYTES = 72;
/** Nobody may build on what everybody knows of this installation. */
const PRODUCT_NAMES = ['3cx', 'relay'];
/** A name this short is part of many words. */
const MIN_NAME_LENGTH = 3;

/** Whether bcrypt looks at all of it: otherwise an ending that it does not see would make it neither right nor wrong. */
export function isComparedWhole(password: string): boolean {
  return new TextEncoder().encode(password).length <= MAX_PASSWORD_BYTES && !password.includes('\0');
}

export function passwordRules(password: string, { username }: { username: string }): readonly PasswordRule[] {
  const bytes = new TextEncoder().encode(password).length;
  const lower = password.toLowerCase();
  const name = username.toLowerCase();
  const product = PRODUCT_NAMES.find(each => lower.includes(each));
  return [
    {
      name: 'min_length',
      isMet: password.length >= MIN_PASSWORD_LENGTH,
      problem: `must have at least ${MIN_PASSWORD_LENGTH} characters (it has ${password.length})`,
    },
    {
      name: 'max_bytes',
      isMet: bytes <= MAX_PASSWORD_BYTES,
      problem: `must have at most ${MAX_PASSWORD_BYTES} bytes (it has ${bytes})`,
    },
    {
      name: 'no_null',
      // bcrypt ends a text there.
      isMet: !password.includes('\0'),
      problem: 'must not hold a character with code 0',
    },
    {
      name: 'no_username',
      isMet: name.length < MIN_NAME_LENGTH || !lower.includes(name),
      problem: 'must not contain the username',
    },
    {
      name: 'no_product_name',
      isMet: product === undefined,
      problem: `must not contain "${product}", which whoever guesses tries first`,
    },
  ];
}
