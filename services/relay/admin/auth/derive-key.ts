import { hkdfSync } from 'node:crypto';

/** One secret, a key for each purpose: whoever learns one of them learns nothing of the others. */
export type KeyPurpose = 'admin token' | 'csrf token' | 'totp secret';

const KEY_BYTES = 32;

export function deriveKey(adminSecret: string, purpose: KeyPurpose): Buffer {
  return Buffer.from(hkdfSync('sha256', adminSecret, '', `3cx-relay ${purpose} 1`, KEY_BYTES));
}
