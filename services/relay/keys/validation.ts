import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';

/** Whose key it is and what it may do. */
export interface ApiKey {
  readonly id: number;
  readonly clientName: string;
  readonly permissions: readonly Permission[];
  readonly expiresAt: Date | null;
}

export type Validation =
  | { readonly ok: true; readonly key: ApiKey }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown' | 'revoked' | 'expired' };
