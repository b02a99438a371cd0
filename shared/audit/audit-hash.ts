import { createHash } from 'node:crypto';
import type { AuditAction } from '../wire/audit-actions.ts';
import { canonicalJson } from './canonical-json.ts';

/**
 * What binds the entries of the audit together.
 *
 *     contentDigest = SHA-256(salt ‖ canonical(content))
 *     hash          = SHA-256(prevHash ‖ canonical({seq, at, position, contentDigest}))
 *
 * Two levels, because personal data must be able to go (the right to be forgotten) while the chain still proves itself:
 * the hash needs only the digest. The salt goes with the content, so that a telephone number, of which there are few,
 * cannot be found by trying.
 */
export interface AuditContent {
  readonly action: string;
  readonly actorKind: string | null;
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly address: string | null;
  readonly target: string | null;
  readonly outcome: string | null;
  /** JSON. */
  readonly details: string;
}

export interface AuditLink {
  readonly seq: number;
  /** Unix ms. */
  readonly at: number;
  /** In channel `audit`. */
  readonly position: string;
  readonly contentDigest: Buffer;
}

/** What the first entry of a chain is bound to. */
export const GENESIS_HASH = Buffer.alloc(32);

export const SALT_BYTES = 16;

/** Said of an earlier entry, or of the beginning of the chain; such an entry is never redacted itself. */
export const REDACT_ACTION = 'audit.redact' satisfies AuditAction;
export const SEAL_ACTION = 'audit.seal' satisfies AuditAction;

/** @throws SyntaxError when the details are no JSON */
export function contentDigest(salt: Buffer, content: AuditContent): Buffer {
  const { action, actorKind, actorId, actorName, address, target, outcome } = content;
  const details: unknown = JSON.parse(content.details);
  const text = canonicalJson({ action, actorKind, actorId, actorName, address, target, outcome, details });
  return createHash('sha256').update(salt).update(text).digest();
}

export function linkHash(prevHash: Buffer, { seq, at, position, contentDigest: digest }: AuditLink): Buffer {
  const text = canonicalJson({ seq, at, position, contentDigest: digest.toString('hex') });
  return createHash('sha256').update(prevHash).update(text).digest();
}
