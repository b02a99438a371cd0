import type { KeyRestrictions, StoredApiKey } from '@3cx-relay/shared/store/api-keys.ts';
import { PERMISSIONS, type Permission } from '@3cx-relay/shared/wire/permissions.ts';

/** Whose key it is and what it may do. */
export interface ApiKey extends KeyRestrictions {
  readonly id: number;
  readonly clientName: string;
  readonly permissions: readonly Permission[];
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
