import type { IncomingMessage } from 'node:http';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { healthReport } from '@3cx-relay/shared/wire/answers.ts';
import type Router from '@koa/router';
import type { RouteDescription } from '../../documents/route-description.ts';
import type { HealthReport } from '../../health.ts';
import type { ApiKey } from '../../keys/validation.ts';
import { clientAddress } from '../client-address.ts';
import type { RelayState } from '../require-permission.ts';

const KEY_WITHIN_MS = 1_500;

const HEALTH_ANSWER = { 'application/json': { schema: healthReport } };

export const describeHealth: RouteDescription = {
  method: 'get',
  path: '/relay/health',
  operationId: 'getHealth',
  group: 'Operation',
  summary: 'Whether the relay works',
  description: 'With a key each component says more than its state.',
  permission: null,
  answers: {
    200: {
      description: 'Events reach clients; `status` is `ok` or `degraded`.',
      content: {
        'application/json': {
          schema: healthReport,
          example: {
            status: 'ok',
            version: '0.1.0',
            components: {
              redis: { state: 'up' },
              log: { state: 'up' },
              postgres: { state: 'up' },
              pbx: { state: 'up' },
            },
            clients: 3,
          },
        },
      },
    },
    503: { description: 'No event reaches a client; `status` is `down`.', content: HEALTH_ANSWER },
  },
  problems: [],
};

/**
 * `GET /relay/health`: anybody may learn whether the relay works; what each component says of itself is for those with
 * a key. 503 when it is down, so that a load balancer needs to understand nothing but the status.
 */
export function addHealth(router: Router<RelayState>, report: () => Promise<HealthReport>): void {
  router.get('/relay/health', async context => {
    const health = await report();
    const key = await keyOf(context.state, context.req);
    // For the record of requests.
    if (key) context.state.key = key;
    context.status = health.status === 'down' ? 503 : 200;
    context.set('cache-control', 'no-store');
    const components = Object.fromEntries(
      Object.entries(health.components).map(([name, component]) => [
        name,
        key ? component : { state: component.state },
      ]),
    );
    context.body = { ...health, components };
  });
}

/** When keys cannot be checked, health is asked for most: it is then told as to anybody. */
async function keyOf({ holder, authenticate, admit }: RelayState, request: IncomingMessage): Promise<ApiKey | null> {
  if (holder) return holder;
  try {
    return await within(KEY_WITHIN_MS, admitted());
  } catch {
    return null;
  }

  async function admitted(): Promise<ApiKey | null> {
    const authenticated = await authenticate(request);
    if ('problem' in authenticated) return null;
    const { key } = authenticated;
    return (await admit(key, { address: clientAddress(request), kind: 'request' })) === null ? key : null;
  }
}
