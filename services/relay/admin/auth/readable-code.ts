import { createHash, randomBytes } from 'node:crypto';

/**
 * 140 random bits as seven groups of four characters, for people to copy by hand: recovery codes, setup codes, temporary
 * passwords. The least that ASVS 11.5.1 asks for is 128. With so many a stored digest needs no key and no salt.
 */
const CHARACTERS = 28;
/** Crockford's: none that is taken for another. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUP = /.{4}(?=.)/g;

export function randomReadableCode(): string {
  // Five bits of each byte: the alphabet divides what a byte can be, so that each character is as likely as the others.
  const code = Array.from(randomBytes(CHARACTERS), byte => ALPHABET[byte % ALPHABET.length]).join('');
  return code.replaceAll(GROUP, '$&-');
}

/** Of a code as somebody types it: small letters, spaces, no dashes, an O for a zero. */
export function digestOfReadableCode(typed: string): Buffer {
  const code = typed
    .toUpperCase()
    .replaceAll(/[^0-9A-Z]/g, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1');
  return createHash('sha256').update(code).digest();
}
