import Router from '@koa/router';
import type { Middleware } from 'koa';
import compress from 'koa-compress';
import type { Origins } from '../public/origins.ts';
import type { RelayState } from '../public/require-permission.ts';
import { type AdminDeps, addAdminRoutes } from './admin-routes.ts';
import type { AdminState } from './admin-state.ts';
import { refuseOtherSites } from './auth/request-origin.ts';
import { requireJson } from './require-json.ts';

export interface AdminAppDeps extends AdminDeps {
  /** The panel's files, which answer what the API does not. */
  readonly panel: Middleware<RelayState>;
  readonly ownOrigin: Origins;
}

/**
 * Lists and curves come as JSON of 50 KB and more that shrinks to a tenth. Small answers stay as they are: nothing is won,
 * and what proves a session is in one of them, whose length must not tell of its content. The level takes half the time of
 * the usual one for some percent more.
 */
const compressLists = compress({
  threshold: 4_096,
  filter: type => type === 'application/json',
  gzip: { level: 3 },
  ...{ deflate: false, br: false, zstd: false },
});

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
  router.use(compressLists);
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
