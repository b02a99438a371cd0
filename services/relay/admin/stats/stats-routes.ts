import type Router from '@koa/router';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import type { AdminState } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { createStatsReport, type StatsDeps } from './stats-report.ts';

export interface StatsRoutesDeps extends StatsDeps {
  readonly auth: AdminAuth;
}

/** `GET /admin/stats`: the numbers of the dashboard. */
export function addStats(router: Router<AdminState>, deps: StatsRoutesDeps): void {
  const stats = createStatsReport(deps);
  router.get('/admin/stats', deps.auth.requireAuth, async context => {
    parseQuery(context.query, noParameters);
    context.body = await stats();
  });
}
