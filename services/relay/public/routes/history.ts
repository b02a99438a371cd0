import type Router from '@koa/router';
import { dnScopeOf, refuseChannel, refusePermission, refuseUndivided } from '../../keys/dn-scope.ts';
import type { ApiKey } from '../../keys/validation.ts';
import { acceptedFormat } from '../accepted-format.ts';
import { answerHistory, type HistoryDeps, type HistoryOptions } from '../history/answer-history.ts';
import { AUDIT } from '../history/audit-kind.ts';
import { CALLS } from '../history/calls-kind.ts';
import { eventsKind } from '../history/events-kind.ts';
import {
  auditHistoryQuery,
  callsHistoryQuery,
  eventsHistoryQuery,
  HISTORY_FORMATS,
  parseHistoryQuery,
} from '../history/history-query.ts';
import type { HistorySources } from '../history/history-sources.ts';
import { ProblemError } from '../problem-error.ts';
import { createPlaces } from '../records/places.ts';
import { keyOf, type RelayState, requireKey, requirePermission } from '../require-permission.ts';

export interface HistoryRoutesDeps extends Omit<HistoryDeps, 'exports'> {
  readonly history: HistorySources;
}

/**
 * `GET /relay/history/calls`, `/relay/history/events` and `/relay/history/audit`: what PostgreSQL has, as pages of JSON
 * or as an export. Pages follow their rows, not a count of them: what comes in meanwhile shifts nothing.
 */
export function addHistory(router: Router<RelayState>, deps: HistoryRoutesDeps, options: HistoryOptions): void {
  const { history } = deps;
  const answering = { ...deps, exports: createPlaces(options.maxExports) };

  router.get('/relay/history/calls', requirePermission('history'), async context => {
    const { query, filters } = parseHistoryQuery(
      context.query,
      callsHistoryQuery,
      acceptedFormat(context, HISTORY_FORMATS),
    );
    const read = history.calls({ ...filters, scope: scopeOf(keyOf(context.state)) });
    await answerHistory(context, { kind: CALLS, rows: 'calls', read, query, filters }, answering, options);
  });

  router.get('/relay/history/events', requireKey(), async context => {
    const { query, filters } = parseHistoryQuery(
      context.query,
      eventsHistoryQuery,
      acceptedFormat(context, HISTORY_FORMATS),
    );
    const { channel } = filters;
    const key = keyOf(context.state);
    const refused = channel === 'calls' ? refusePermission(key, 'history') : refuseChannel(key, channel);
    if (refused) throw ProblemError.of(refused);
    const kind = eventsKind(await history.epochs(channel));
    const read = history.events({ ...filters, scope: channel === 'calls' ? scopeOf(key) : null });
    await answerHistory(context, { kind, rows: 'events', read, query, filters }, answering, options);
  });

  router.get('/relay/history/audit', requirePermission('monitor'), async context => {
    const refused = refuseUndivided(keyOf(context.state));
    if (refused) throw ProblemError.of(refused);
    const { query, filters } = parseHistoryQuery(
      context.query,
      auditHistoryQuery,
      acceptedFormat(context, HISTORY_FORMATS),
    );
    const read = history.audit(filters);
    await answerHistory(context, { kind: AUDIT, rows: 'entries', read, query, filters }, answering, options);
  });
}

/** Extensions that the key is restricted to; null: none. */
function scopeOf(key: ApiKey): readonly string[] | null {
  const scope = dnScopeOf(key);
  return scope && [...scope];
}
