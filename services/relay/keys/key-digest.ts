import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';

/**
 * The keyed digest that remembers what bcrypt once said of an API key.
 *
 * An API key carries 256 random bits, so what protects a stolen table is that the digest's own key is not in it. The
 * digest therefore depends on ADMIN_SECRET; `keyId` tells which secret made a stored digest, so that a changed secret
 * sends a key through bcrypt once more instead of locking its owner out.
 */
export interface KeyDigest {
  /** 16 hex characters that name the secret without revealing it. */
  readonly keyId: string;
  digest(apiKey: string): Buffer;
}

const INFO = '3cx-relay api key digest 1';

export function createKeyDigest(adminSecret: string): KeyDigest {
  // Made once: of bytes Node would make a key object for each digest, at the cost of the digest.
  const secret = createSecretKey(Buffer.from(hkdfSync('sha256', adminSecret, '', INFO, 32)));
  const keyId = createHmac('sha256', secret).update('key id').digest('hex').slice(0, 16);
  return {
    keyId,
    digest: apiKey => createHmac('sha256', secret).update(apiKey).digest(),
  };
}

export function isSameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
