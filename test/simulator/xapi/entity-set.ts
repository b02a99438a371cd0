import type { ApiClient } from '../pbx/api-client.ts';

export type Row = Readonly<Record<string, unknown>>;

export type EntityType = {
  /** `Pbx.User`: what error messages call it. */
  readonly name: string;
  readonly fields: readonly string[];
};

/** A collection below `/xapi/v1`. */
export type EntitySet = {
  readonly type: EntityType;
  rows(): readonly Row[];
  /** `$orderby` is accepted and has no effect. */
  readonly ignoresOrder?: boolean;
  /** Left out: any client with XAPI. */
  readonly role?: ApiClient['role'];
};

export type Singleton = { readonly type: EntityType; row(): Row };
