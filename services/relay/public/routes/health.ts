import type { IncomingHttpHeaders } from 'node:http';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import type Router from '@koa/router';
import type { HealthReport } from '../../health.ts';
import type { Authenticate } from '../../keys/authenticate.ts';
import type { RelayState } from '../require-permission.ts';

const KEY_WITHIN_MS = 1_500;

/**
 * `GET /relay/health`: anybody may learn whether the relay works; what each component says of itself is for those with
 * a key. 503 when it is down, so that a load balancer needs to understand nothing but the status.
 */
export function addHealth(router: Router<RelayState>, report: () => Promise<HealthReport>): void {
  router.get('/relay/health', async context => {
    const health = await report();
    const isKnown = await hasKey(context.state.authenticate, context.headers);
    context.status = health.status === 'down' ? 503 : 200;
    context.set('cache-control', 'no-store');
    const components = Object.fromEntries(
      Object.entries(health.components).map(([name, component]) => [
        name,
        isKnown ? component : { state: component.state },
      ]),
    );
    context.body = { ...health, components };
  });
}

/** When keys cannot be checked, health is asked for most: it is then told as to anybody. */
async function hasKey(authenticate: Authenticate, headers: IncomingHttpHeaders): Promise<boolean> {
  try {
    return 'key' in (await within(KEY_WITHIN_MS, authenticate(headers)));
  } catch {
    return false;
  }
}
