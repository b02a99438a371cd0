import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';
import type { Context, Middleware } from 'koa';
import type { Admit } from '../keys/admission.ts';
import type { Authenticate, Authenticated } from '../keys/authenticate.ts';
import { refusePermission } from '../keys/dn-scope.ts';
import type { ApiKey } from '../keys/validation.ts';
import { clientAddress } from './client-address.ts';
import { ProblemError } from './problem-error.ts';

export interface RelayState {
  authenticate: Authenticate;
  admit: Admit;
  key?: ApiKey;
  /** Set where it is known already who asks: then no credentials are looked for. */
  holder?: ApiKey;
}

/**
 * Lets a request pass that carries a valid key with this permission, from where the key may be used and not too often;
 * a 403 names what is missing.
 */
export function requirePermission(permission: Permission): Middleware<RelayState> {
  return letPass(permission);
}

/**
 * For a route that decides itself what the key must be allowed to do: it depends on what is asked for. `authenticate` is
 * for the route that takes other credentials too.
 */
export function requireKey(authenticate?: (context: Context) => Promise<Authenticated>): Middleware<RelayState> {
  return letPass(null, authenticate);
}

function letPass(
  permission: Permission | null,
  authenticate?: (context: Context) => Promise<Authenticated>,
): Middleware<RelayState> {
  return async (context, next) => {
    const { holder } = context.state;
    const authenticated = holder
      ? { key: holder }
      : await (authenticate ? authenticate(context) : context.state.authenticate(context.req));
    if ('problem' in authenticated) throw ProblemError.of(authenticated.problem);
    // Also of one who may not: whoever comes before in the chain may want to put on record who tried.
    const { key } = authenticated;
    context.state.key = key;
    const refused =
      (await context.state.admit(key, { address: clientAddress(context.req), kind: 'request' })) ??
      (permission && refusePermission(key, permission));
    if (refused) throw ProblemError.of(refused);
    await next();
  };
}

/** The key of a request that `requirePermission` let pass. */
export function keyOf({ key }: RelayState): ApiKey {
  if (!key) throw new Error('this route needs requirePermission before it');
  return key;
}
