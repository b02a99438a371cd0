import type { Middleware } from 'koa';
import type { AdminState } from '../admin-state.ts';
import { signedInOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { toSessionKey } from './session-key.ts';

const PREFIX = '/admin/relay/';

/**
 * `GET /admin/relay/<path>` is `GET /relay/<path>` for whoever is signed in: the panel reads pages, timelines, history and
 * exports where every client does. Only what reads; so the cookie may authenticate it without the CSRF token. To stand
 * before the public routes.
 */
export function readAsSession(auth: AdminAuth): Middleware<AdminState> {
  return (context, next) => {
    const { method, path } = context;
    if (!path.startsWith(PREFIX) || (method !== 'GET' && method !== 'HEAD')) return next();
    return auth.requireAuth(context, () => {
      context.state.holder = toSessionKey(signedInOf(context.state));
      context.path = `/relay/${path.slice(PREFIX.length)}`;
      context.set('cache-control', 'no-store');
      return next();
    });
  };
}
