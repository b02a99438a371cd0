import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { callsInScope, dnScopeOf, refuseUndivided } from '../../keys/dn-scope.ts';
import type { ActiveCallsOfPbx } from '../active-calls-of-pbx.ts';
import { parseQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';

const parameters = z.strictObject({
  source: z.enum(['projection', 'xapi'], 'must be "projection" or "xapi", or left out').default('projection'),
});

/**
 * `GET /relay/active-calls` → `{position, asOf, source, calls}`: reading on with `after=<position>` misses nothing.
 * `source=xapi` asks the PBX instead; its calls have XAPI's own fields, which do not tell who takes part, and the position
 * is from before the question.
 */
export function addActiveCalls(
  router: Router<RelayState>,
  deps: { redis: Redis; keys: LogKeys; callsOfPbx: ActiveCallsOfPbx },
): void {
  router.get('/relay/active-calls', requirePermission('read'), async context => {
    const { source } = parseQuery(context.query, parameters);
    const key = keyOf(context.state);
    const refused = source === 'xapi' ? refuseUndivided(key) : null;
    if (refused) throw ProblemError.of(refused);
    const snapshot = await readSnapshot(deps.redis, deps.keys);
    const head = JSON.stringify({ position: snapshot.position, asOf: new Date().toISOString(), source });
    const calls =
      source === 'xapi' ? (await deps.callsOfPbx()).map(toJson) : callsInScope(snapshot.calls, dnScopeOf(key));
    context.type = 'application/json';
    context.set('cache-control', 'no-store');
    // Those of the projection are JSON already; they are put in as they stand.
    context.body = `${head.slice(0, -1)},"calls":[${calls.join(',')}]}`;
  });
}

function toJson(call: object): string {
  return JSON.stringify(call);
}
