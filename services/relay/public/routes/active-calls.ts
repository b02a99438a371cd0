import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type Router from '@koa/router';
import { ProblemError } from '../problem-error.ts';
import { type RelayState, requirePermission } from '../require-permission.ts';

/** `GET /relay/active-calls` → `{position, asOf, source, calls}`: reading on with `after=<position>` misses nothing. */
export function addActiveCalls(router: Router<RelayState>, deps: { redis: Redis; keys: LogKeys }): void {
  router.get('/relay/active-calls', requirePermission('read'), async context => {
    const { source = 'projection' } = context.query;
    if (source !== 'projection') {
      throw new ProblemError('invalid_request', 'source: must be "projection" or left out', 'source');
    }
    const snapshot = await readSnapshot(deps.redis, deps.keys);
    const head = JSON.stringify({ position: snapshot.position, asOf: new Date().toISOString(), source });
    context.type = 'application/json';
    context.set('cache-control', 'no-store');
    // The calls are JSON already; they are put in as they stand.
    context.body = `${head.slice(0, -1)},"calls":[${Object.values(snapshot.calls).join(',')}]}`;
  });
}
