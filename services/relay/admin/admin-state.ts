import type { StoredAdminSession } from '@3cx-relay/shared/store/admin-sessions.ts';
import type { Context } from 'koa';
import { type AdminActor, toAdminActor } from '../admin-actor.ts';
import { clientAddress } from '../public/client-address.ts';
import type { RelayState } from '../public/require-permission.ts';

/** Who is signed in: the session as it is now, with its user. */
export type SignedIn = StoredAdminSession;

/** What the middlewares of the admin API know of a request. */
export interface AdminState extends RelayState {
  /** What koa-jwt verified. */
  adminToken?: unknown;
  signedIn?: SignedIn;
}

/** Who signed in to make this request, which `requireAuth` let pass. */
export function signedInOf({ signedIn }: AdminState): SignedIn {
  if (!signedIn) throw new Error('this route needs requireAuth before it');
  return signedIn;
}

/** Who does it and from where, as the audit wants it. */
export function actorOf(context: Context & { state: AdminState }): {
  actor: AdminActor;
  address: string | null;
} {
  const { user } = signedInOf(context.state);
  return { actor: toAdminActor(user), address: clientAddress(context.req) };
}
