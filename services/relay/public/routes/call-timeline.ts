import { callTimeline } from '@3cx-relay/shared/wire/call-timeline.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import { dnScopeOf } from '../../keys/dn-scope.ts';
import { readCallTimeline, type TimelineDeps } from '../call-timeline.ts';
import { wholeNumber } from '../events-query.ts';
import { parseQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requirePermission } from '../require-permission.ts';

const callTimelineParameters = z.strictObject({
  callId: z.string().max(128, 'must be the callId of a call'),
});

const position = z.string().transform((text, context) => {
  const parsed = text === 'start' ? null : parsePosition(text);
  if (parsed || text === 'start') return parsed;
  context.addIssue({ code: 'custom', message: 'must be a position that the relay sent, or "start"' });
  return z.NEVER;
});

/** Of `GET /relay/calls/{callId}`; more entries at once than RELAY_MAX_TIMELINE_ENTRIES are refused. */
const callTimelineQuery = z.strictObject({
  after: position.optional(),
  limit: wholeNumber(1, 10_000).optional(),
});

export const describeCallTimeline: RouteDescription = {
  method: 'get',
  path: '/relay/calls/{callId}',
  operationId: 'getCall',
  group: 'Calls',
  summary: 'One call from its first entry to its last',
  description:
    'A call of a moment ago or of a year ago. Entries that have it in `otherCalls` only are not among its `events`. `unavailable`: it may be older than what can be read right now.',
  permission: 'read',
  params: callTimelineParameters,
  query: callTimelineQuery,
  answers: {
    200: {
      description: 'The call, and what happened to it.',
      content: {
        'application/json': {
          schema: callTimeline,
          example: {
            callId: EXAMPLES.call_event.call.callId,
            position: EXAMPLES.call_event.id,
            ended: false,
            call: EXAMPLES.call_event.call,
            events: [EXAMPLES.call_event],
            next: null,
            more: false,
          },
        },
      },
    },
  },
  problems: ['invalid_request', 'not_found', 'unavailable'],
};

/** `GET /relay/calls/{callId}`: one call's whole life, as the log tells it, a moment old or a year. */
export function addCallTimeline(
  router: Router<RelayState>,
  deps: TimelineDeps,
  { maxEntries }: { maxEntries: number },
): void {
  router.get('/relay/calls/:callId', requirePermission('read'), async context => {
    const { callId } = parseQuery({ callId: context.params.callId }, callTimelineParameters);
    const { after = null, limit = maxEntries } = parseQuery(context.query, callTimelineQuery);
    if (limit > maxEntries) {
      const message = `limit: must be at most ${maxEntries} (RELAY_MAX_TIMELINE_ENTRIES)`;
      throw new ProblemError('invalid_request', message, 'limit');
    }
    const scope = dnScopeOf(keyOf(context.state));
    const timeline = await readCallTimeline(deps, { callId, after, limit, scope });
    if (!timeline) throw new ProblemError('not_found', 'there is no such call in what the relay holds');
    const { ended, messages, next } = timeline;
    const head = JSON.stringify({ callId, position: timeline.position, ended });
    const rest = JSON.stringify({ next, more: next !== null });
    context.type = 'application/json';
    context.set('cache-control', 'no-store');
    // The call and the messages are JSON already; they are put in as they stand.
    context.body = `${head.slice(0, -1)},"call":${timeline.callJson},"events":[${messages.join(',')}],${rest.slice(1)}`;
  });
}
