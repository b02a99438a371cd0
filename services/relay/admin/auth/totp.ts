import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import { deriveKey } from './derive-key.ts';

/**
 * One-time codes by RFC 6238, as every authenticator app knows them. The codes themselves are the library's work
 * (otpauth): small, and used to the oddities of base32 and of the `otpauth:` address.
 *
 * A secret is stored encrypted (AES-256-GCM), bound to its user, with a key that depends on ADMIN_SECRET: a copy of the
 * table tells no codes. With another ADMIN_SECRET nobody reads them any more, and a recovery code or another admin helps.
 */
export interface Totp {
  /** A new secret, in clear for its owner and encrypted for the table. */
  create(user: { id: number; username: string }): { secret: string; otpauthUri: string; encrypted: Buffer };
  /** The time step of a code that is right now, a step before or after; null: it is not. @throws when unreadable */
  stepOf(code: string, user: { id: number; encrypted: Buffer }): number | null;
}

const ISSUER = '3CX Relay';
const STEP_SECONDS = 30;
const PARAMETERS = { issuer: ISSUER, algorithm: 'SHA1', digits: 6, period: STEP_SECONDS };
/** Steps to either side: clocks of telephones differ. */
const WINDOW = 1;
const SECRET_BYTES = 20;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

export function createTotp(adminSecret: string, now: () => number): Totp {
  const key = deriveKey(adminSecret, 'totp secret');
  return {
    create(user) {
      const secret = new Secret({ size: SECRET_BYTES });
      const totp = new TOTP({ ...PARAMETERS, label: user.username, secret });
      return {
        secret: secret.base32,
        otpauthUri: totp.toString(),
        encrypted: encrypt(key, Buffer.from(secret.bytes), user.id),
      };
    },
    stepOf(code, user) {
      const bytes = decrypt(key, user.encrypted, user.id);
      const secret = new Secret({ buffer: new Uint8Array(bytes).buffer });
      const timestamp = now();
      const token = code.replaceAll(/\s/g, '');
      const delta = new TOTP({ ...PARAMETERS, secret }).validate({ token, timestamp, window: WINDOW });
      return delta === null ? null : Math.floor(timestamp / 1000 / STEP_SECONDS) + delta;
    },
  };
}

function encrypt(key: Buffer, secret: Buffer, userId: number): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(boundTo(userId));
  return Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, encrypted: Buffer, userId: number): Buffer {
  const iv = encrypted.subarray(0, IV_BYTES);
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(boundTo(userId));
  decipher.setAuthTag(encrypted.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(encrypted.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
}

/** A secret that is copied to the row of another user opens nothing. */
function boundTo(userId: number): Buffer {
  return Buffer.from(`admin user ${userId}`);
}
