import { createHash, randomBytes } from 'node:crypto';

/**
 * 120 random bits as six groups of four characters, for people to copy by hand: recovery codes, setup codes, temporary
 * passwords. With so many random bits a stored digest needs no key and no salt; the limit of ASVS 6.5.2 is 112.
 */
const BYTES = 15;
/** Crockford's: none that is taken for another. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUP = /.{4}(?=.)/g;

export function randomReadableCode(): string {
  let bits = BigInt(`0x${randomBytes(BYTES).toString('hex')}`);
  let code = '';
  for (let n = 0; n < (BYTES * 8) / 5; n += 1) {
    code += ALPHABET[Number(bits & 31n)];
    bits >>= 5n;
  }
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
