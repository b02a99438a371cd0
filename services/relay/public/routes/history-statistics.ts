import type Router from '@koa/router';
import { dnScopeOf, refuseUndivided } from '../../keys/dn-scope.ts';
import type { ApiKey } from '../../keys/validation.ts';
import type { HistorySources } from '../history/history-sources.ts';
import { parseStatisticsQuery, type StatisticsQuery } from '../history/statistics-query.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';

/** `GET /relay/history/statistics`: how many calls there were, how they ended and how long they took. */
export function addHistoryStatistics(router: Router<RelayState>, { history }: { history: HistorySources }): void {
  router.get('/relay/history/statistics', requirePermission('history'), async context => {
    const query = parseStatisticsQuery(context.query, Date.now());
    const refused = refuseStatistics(keyOf(context.state), query);
    if (refused) throw ProblemError.of(refused);
    const { from, to, by } = query;
    const periods = await history.statistics(query);
    context.set('cache-control', 'no-store');
    context.body = { from: from.toISOString(), to: to.toISOString(), by, periods };
  });
}

/** A key that is restricted to extensions gets the sums of those, asked for by name. */
function refuseStatistics(key: ApiKey, { of, ids }: StatisticsQuery) {
  const scope = dnScopeOf(key);
  if (of === 'dn' && ids?.every(id => scope?.has(id))) return null;
  return refuseUndivided(key);
}
