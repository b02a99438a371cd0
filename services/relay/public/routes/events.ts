import { eventsPage } from '@3cx-relay/shared/wire/answers.ts';
import type Router from '@koa/router';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import type { LiveKeys } from '../../keys/live-keys.ts';
import type { Arrivals } from '../../live/arrivals.ts';
import type { BlocksDeps } from '../../replay/blocks-up.ts';
import { type EventPage, readEventPage } from '../event-pages.ts';
import { type EventsQuery, eventsQuery, parseEventsQuery } from '../events-query.ts';
import { keyOf, type RelayState, requireKey } from '../require-permission.ts';
import { untilKeyEnds } from '../until-key-ends.ts';
import { whenOver } from '../when-over.ts';

export const describeEvents: RouteDescription = {
  method: 'get',
  path: '/relay/events',
  operationId: 'listEvents',
  group: 'Events',
  summary: 'Pages of the log, both ways, and a long poll',
  description:
    'Go on with `next` as the `after` of the following page. With `wait` the last page becomes a long poll. A page may be short, even empty, while `more` is true. `calls` needs the permission `read`, `health` that or `monitor`, the other channels `monitor`.',
  permission: 'read',
  query: eventsQuery,
  answers: {
    200: {
      description: 'A page.',
      content: {
        'application/json': {
          schema: eventsPage,
          example: {
            events: [EXAMPLES.call_event],
            next: EXAMPLES.call_event.id,
            head: EXAMPLES.call_event.id,
            more: false,
          },
        },
      },
    },
  },
  problems: ['invalid_request', 'invalid_position', 'too_many_connections'],
};

/** `GET /relay/events`: pages of the log both ways, and a long poll with `wait`. */
export function addEvents(
  router: Router<RelayState>,
  deps: { blocks: BlocksDeps; arrivals: Arrivals; liveKeys: LiveKeys },
): void {
  router.get('/relay/events', requireKey(), async context => {
    const key = keyOf(context.state);
    const query = parseEventsQuery(context.query, key);
    const left = new AbortController();
    whenOver(context.res, () => left.abort());
    const page = await untilKeyEnds(deps.liveKeys, key, isEnded =>
      readOrWait(deps, query, { isEnded, left: left.signal }),
    );
    context.type = 'application/json';
    context.set('cache-control', 'no-store');
    const rest = JSON.stringify({ next: page.next, head: page.head, more: page.more });
    context.body = `{"events":[${page.messages.join(',')}],${rest.slice(1)}`;
  });
}

async function readOrWait(
  deps: { blocks: BlocksDeps; arrivals: Arrivals },
  query: EventsQuery,
  asker: { isEnded: () => boolean; left: AbortSignal },
): Promise<EventPage> {
  const deadline = performance.now() + query.wait * 1000;
  let asked = query;
  for (;;) {
    const page = await readEventPage(deps.blocks, asked);
    const leftMs = deadline - performance.now();
    if (page.messages.length > 0 || leftMs <= 0 || asker.isEnded() || asker.left.aborted) return page;
    const wait = { ms: leftMs, signal: asker.left };
    if ((await deps.arrivals.waitBeyond(query.channel, page.cursor, wait)) !== 'grown') return page;
    // What was looked at and did not match need not be looked at again. In a log that was never written to there was
    // nothing to look at, and "now" would pass its first entries over.
    asked = { ...query, after: page.next ?? 'start' };
  }
}
