import { RECONNECTABLE } from '@3cx-relay/shared/jobs/component-state.ts';
import { CONNECTIONS } from '@3cx-relay/shared/wire/admin/connections.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { readJsonBody } from '../../public/json-body.ts';
import { parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { parsePastQuery, readConnectionPast } from './connection-past.ts';
import { type ConnectionsDeps, createConnectionsReport } from './connections-report.ts';
import { type ReconnectDeps, reconnect } from './reconnect.ts';

export interface ConnectionRoutesDeps extends ConnectionsDeps, ReconnectDeps {
  readonly auth: AdminAuth;
}

export interface ConnectionRoutesOptions {
  readonly maxHistoryDays: number;
  readonly reconnectTimeoutMs: number;
}

const listQuery = z.strictObject({
  history: z.enum(['0', '1', 'true', 'false'], { error: 'must be 1 or 0' }).optional(),
});

/** `/admin/connections`: how everything is, how it was, and making a connection anew. */
export function addConnections(
  router: Router<AdminState>,
  deps: ConnectionRoutesDeps,
  options: ConnectionRoutesOptions,
): void {
  const { auth } = deps;
  const report = createConnectionsReport(deps);

  router.get('/admin/connections', auth.requireAuth, async context => {
    const { history } = parseQuery(context.query, listQuery);
    context.body = await (history === '1' || history === 'true' ? report.withHistory() : report.current());
  });

  router.get('/admin/connections/:component/history', auth.requireAuth, async context => {
    const component = oneOf(CONNECTIONS, context.params.component);
    const now = deps.now();
    const query = parsePastQuery(context.query, { maxDays: options.maxHistoryDays, now });
    context.body = await readConnectionPast(deps.pool, component, { ...query, now });
  });

  router.post('/admin/connections/:component/reconnect', auth.requireAdmin, async context => {
    const component = oneOf(RECONNECTABLE, context.params.component);
    await readJsonBody(context.req, z.strictObject({}));
    context.body = await reconnect(deps, { component, by: actorOf(context), timeoutMs: options.reconnectTimeoutMs });
  });
}

/** @throws ProblemError naming those there are */
function oneOf<Name extends string>(names: readonly Name[], asked: string | undefined): Name {
  const found = names.find(name => name === asked);
  if (found === undefined) throw new ProblemError('not_found', `the component must be one of ${names.join(', ')}`);
  return found;
}
