import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import { STREAM_PATH, type StreamAccess } from '../../keys/authenticate-stream.ts';
import { type CloseLive, endOf, type LiveKeys } from '../../keys/live-keys.ts';
import { ownerOf } from '../../live/client-owner.ts';
import { EventStream } from '../../live/event-stream.ts';
import type { Hub } from '../../live/hub.ts';
import type { OnWrite } from '../../live/outlet.ts';
import type { SendBudget } from '../../live/send-budget.ts';
import { beginSubscription, planSubscription, type SubscribeDeps } from '../../live/subscribe.ts';
import { parseStreamQuery, type StreamQuery, streamQuery } from '../events-query.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requireKey } from '../require-permission.ts';
import { whenOver } from '../when-over.ts';

export interface EventStreamDeps {
  readonly access: StreamAccess;
  readonly hub: Hub;
  readonly liveKeys: LiveKeys;
  readonly subscribeDeps: SubscribeDeps;
  readonly budget: SendBudget;
  /** See RELAY_CLIENT_STALL_MS. */
  readonly stallMs: number;
  readonly onWrite: OnWrite;
}

export const describeEventStream: RouteDescription = {
  method: 'get',
  path: '/relay/events/stream',
  operationId: 'streamEvents',
  group: 'Events',
  summary: 'One channel as server-sent events',
  description:
    'Each event is a message of the socket, unnamed, with its position as `id`. An EventSource that was cut off comes back by itself and goes on behind the last one. A comment comes at every heartbeat. An `error` with the code `closed` ends the stream for good. `calls` needs the permission `read`, `health` that or `monitor`, the other channels `monitor`.',
  permission: 'read',
  takesTicket: true,
  query: streamQuery.omit({ ticket: true }),
  headers: z.object({
    'last-event-id': z.string().optional().describe('The position to go on behind; counts before `after`.'),
  }),
  answers: {
    200: {
      description: 'A stream without end.',
      content: {
        'text/event-stream': {
          schema: z.string().describe('`data` of each event is a message as in `/relay/asyncapi.json`.'),
          example: `id: ${EXAMPLES.call_event.id}\ndata: ${JSON.stringify(EXAMPLES.call_event)}\n\n`,
        },
      },
    },
  },
  problems: ['invalid_request', 'invalid_position', 'too_many_connections', 'too_many_key_connections'],
};

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx would collect events until its buffer is full.
  'x-accel-buffering': 'no',
};
/** How long a browser waits before it comes back by itself. */
const RETRY_MS = 2_000;

/**
 * `GET /relay/events/stream`: the messages of one channel as server-sent events. The id of each is its position, so that
 * an EventSource which reconnects sends it as `Last-Event-ID` and goes on behind it.
 */
export function addEventStream(
  router: Router<RelayState>,
  deps: EventStreamDeps,
  options: { maxConnections: number },
): void {
  router.get(STREAM_PATH, requireKey(deps.access.authenticate), async context => {
    const key = keyOf(context.state);
    const query = parseStreamQuery(context.query, key);
    if (deps.hub.size >= options.maxConnections) {
      throw new ProblemError('too_many_connections', `${options.maxConnections} clients are connected already`);
    }
    const plan = await planSubscription(deps.subscribeDeps, toRequest(query, context.get('last-event-id')));
    if (!plan.ok) {
      const code = plan.code === 'invalid_message' ? 'invalid_request' : plan.code;
      throw new ProblemError(code, `${plan.field}: ${plan.message}`, plan.field);
    }
    if (context.method === 'HEAD') {
      context.set(HEADERS);
      context.status = 200;
      return;
    }
    const { res } = context;
    if (res.destroyed) return;
    let end: CloseLive = () => res.destroy();
    const leave = deps.liveKeys.register(key, verdict => end(verdict));
    if (!leave) throw ProblemError.of(deps.liveKeys.refusal(key));
    whenOver(res, leave);
    await deps.access.letComeBack(context);
    if (res.destroyed) return;
    context.respond = false;
    context.status = 200;
    context.set(HEADERS);
    context.flushHeaders();
    const stream: EventStream = new EventStream(res, context.req.socket, {
      ...deps,
      onClose: () => deps.hub.remove(stream),
    });
    end = endOf(stream);
    stream.open(RETRY_MS);
    deps.hub.add(stream, ownerOf(key, context.req));
    beginSubscription(deps.subscribeDeps, plan, {
      client: stream,
      sendText: (text, id) => stream.sendText(text, id),
      onError: () => {
        // It comes back with its position: better than a stream that stands still.
        stream.send({ type: 'error', code: 'unavailable', message: 'the log cannot be read right now' });
        end(RESTART);
      },
    });
  });
}

/** A reconnect repeats the URL; where it had got to stands in the header, which therefore counts. */
function toRequest({ snapshot, ticket: _ticket, ...query }: StreamQuery, lastEventId: string) {
  const isSnapshot = lastEventId === '' && (snapshot === '1' || snapshot === 'true');
  const after = lastEventId === '' ? query.after : lastEventId;
  const given = { ...query, after, ...(isSnapshot ? { snapshot: true } : {}) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Omit<
    StreamQuery,
    'snapshot' | 'ticket'
  > & { snapshot?: boolean };
}
