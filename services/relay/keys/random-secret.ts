import { createHash, randomBytes } from 'node:crypto';

/**
 * What the relay hands out in place of a key: 256 random bits as 43 characters that are legal in a URL, a cookie and the
 * name of a subprotocol. Only the digest is stored. With so many random bits it needs no key of its own, and finding it
 * by its digest leaves no comparison whose time could be measured.
 */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Null when this was never a secret of ours. */
export function digestOfSecret(secret: string): string | null {
  return SECRET.test(secret) ? createHash('sha256').update(secret).digest('hex') : null;
}
