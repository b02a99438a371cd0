import type { StoredAdminSession } from '@3cx-relay/shared/store/admin-sessions.ts';
import type { KeyRestrictions, StoredApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';
import { type AdminActor, toAdminActor } from '../admin-actor.ts';

/** Of a key its number; of somebody who is signed in the id of the session. */
export type HolderId = number | string;

/**
 * Whose key it is and what it may do. Somebody who is signed in to the panel is let in as if he held a key of his own
 * (admin/session-access/session-key.ts), so that there is one way in and one way to be thrown out.
 */
export interface ApiKey extends KeyRestrictions {
  readonly id: HolderId;
  readonly clientName: string;
  readonly permissions: readonly Permission[];
  /** Absent of a key. */
  readonly session?: StoredAdminSession;
}

/** What may be asked of whoever holds a key or a session. */
export type ValidateHolder = (id: HolderId) => Promise<Validation>;

/** As the log of requests has it: null for a session. */
export function keyIdOf(key: ApiKey | null | undefined): number | null {
  return typeof key?.id === 'number' ? key.id : null;
}

/** As the audit has it. */
export function actorOf({
  id,
  clientName,
  session,
}: ApiKey): AdminActor | { kind: 'api_key'; id: string; name: string } {
  return session ? toAdminActor(session.user) : { kind: 'api_key', id: String(id), name: clientName };
}

export type Validation =
  | { readonly ok: true; readonly key: ApiKey }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown' | 'revoked' | 'expired' };

/** What the store says of a key, expiry aside: that is a matter of the clock, and asked each time. */
export function toValidation(row: StoredApiKey | undefined): Validation {
  if (!row) return { ok: false, reason: 'unknown' };
  if (!row.active) return { ok: false, reason: 'revoked' };
  const { id, clientName, expiresAt, dns, addresses, maxConnections, requestsPerSecond } = row;
  // A permission that a newer version granted and this one does not know grants nothing here.
  const permissions = row.permissions.filter(isPermission);
  return {
    ok: true,
    key: { id, clientName, permissions, expiresAt, dns, addresses, maxConnections, requestsPerSecond },
  };
}

export function isPermission(name: string): name is Permission {
  return (PERMISSIONS as readonly string[]).includes(name);
}

export function hasExpired(key: ApiKey, now: number): boolean {
  return key.expiresAt !== null && key.expiresAt.getTime() <= now;
}
