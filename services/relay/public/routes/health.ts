import type Router from '@koa/router';
import type { HealthReport } from '../../health.ts';
import type { RelayState } from '../require-permission.ts';

/**
 * `GET /relay/health`: anybody may learn whether the relay works; what each component says of itself is for those with
 * a key. 503 when it is down, so that a load balancer needs to understand nothing but the status.
 */
export function addHealth(router: Router<RelayState>, report: () => Promise<HealthReport>): void {
  router.get('/relay/health', async context => {
    const health = await report();
    const authenticated = await context.state.authenticate(context.headers);
    context.status = health.status === 'down' ? 503 : 200;
    context.set('cache-control', 'no-store');
    const components = Object.fromEntries(
      Object.entries(health.components).map(([name, component]) => [
        name,
        'key' in authenticated ? component : { state: component.state },
      ]),
    );
    context.body = { ...health, components };
  });
}
