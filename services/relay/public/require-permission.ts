import type { Permission } from '@3cx-relay/shared/wire/permissions.ts';
import type { Context, Middleware } from 'koa';
import type { Authenticate, Authenticated } from '../keys/authenticate.ts';
import type { ApiKey } from '../keys/validation.ts';
import { ProblemError } from './problem-error.ts';

export interface RelayState {
  authenticate: Authenticate;
  key?: ApiKey;
}

/**
 * Lets a request pass that carries a valid key with this permission; a 403 names what is missing. `authenticate` is for
 * the route that takes other credentials too.
 */
export function requirePermission(
  permission: Permission,
  authenticate?: (context: Context) => Promise<Authenticated>,
): Middleware<RelayState> {
  return async (context, next) => {
    const authenticated = await (authenticate ? authenticate(context) : context.state.authenticate(context.req));
    if ('problem' in authenticated) throw ProblemError.of(authenticated.problem);
    // Also of one who may not: whoever comes before in the chain may want to put on record who tried.
    context.state.key = authenticated.key;
    if (!authenticated.key.permissions.includes(permission)) {
      throw new ProblemError('forbidden', `this needs a key with the permission "${permission}"`);
    }
    await next();
  };
}
