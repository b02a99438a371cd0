import Router from '@koa/router';
import type { Middleware } from 'koa';
import type { Origins } from '../public/origins.ts';
import type { RelayState } from '../public/require-permission.ts';
import { type AdminDeps, addAdminRoutes } from './admin-routes.ts';
import type { AdminState } from './admin-state.ts';
import { refuseOtherSites } from './auth/request-origin.ts';
import { compressAnswers } from './compress-answers.ts';
import { requireJson } from './require-json.ts';

export interface AdminAppDeps extends AdminDeps {
  /** The panel's files, which answer what the API does not. */
  readonly panel: Middleware<RelayState>;
  readonly ownOrigin: Origins;
}

/**
 * Everything under `/admin/`, as one middleware of the relay's app, which turns what it throws into problems. It passes
 * on whatever is not its own.
 */
export function createAdminApp(deps: AdminAppDeps): Middleware<AdminState> {
  const router = new Router<AdminState>();
  router.use(async (context, next) => {
    context.set('cache-control', 'no-store');
    await next();
  });
  router.use(compressAnswers);
  router.use(refuseOtherSites(deps.ownOrigin));
  router.use(requireJson);
  addAdminRoutes(router, deps);
  const routes = router.routes();
  const allowedMethods = router.allowedMethods();
  return (context, next) => {
    if (!/^\/admin(\/|$)/.test(context.path)) return next();
    return routes(context as never, () => allowedMethods(context as never, () => deps.panel(context, next)));
  };
}
