import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { activeCalls } from '@3cx-relay/shared/wire/answers.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import { callsInScope, dnScopeOf, refuseUndivided } from '../../keys/dn-scope.ts';
import type { ActiveCallsOfPbx } from '../active-calls-of-pbx.ts';
import { parseQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';

const activeCallsQuery = z.strictObject({
  source: z
    .enum(['projection', 'xapi'], { error: 'must be "projection" or "xapi", or left out' })
    .default('projection')
    .describe('`projection`: what the relay knows. `xapi`: the PBX is asked; its calls have its own fields.'),
});

export const describeActiveCalls: RouteDescription = {
  method: 'get',
  path: '/relay/active-calls',
  operationId: 'listActiveCalls',
  group: 'Calls',
  summary: 'The calls of this moment, and the position they belong to',
  description: 'Read on with `after=<position>`, on any transport: nothing is missed or doubled.',
  permission: 'read',
  query: activeCallsQuery,
  answers: {
    200: {
      description: 'The active calls.',
      content: {
        'application/json': {
          schema: activeCalls,
          example: {
            position: EXAMPLES.call_event.id,
            asOf: EXAMPLES.call_event.at,
            source: 'projection',
            calls: [EXAMPLES.call_event.call],
          },
        },
      },
    },
  },
  problems: ['invalid_request', 'pbx_forbidden', 'pbx_unavailable', 'pbx_timeout'],
};

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
    const { source } = parseQuery(context.query, activeCallsQuery);
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
