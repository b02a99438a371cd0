import { CHANNELS, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import { logMessage } from '@3cx-relay/shared/wire/messages.ts';
import type Router from '@koa/router';
import { z } from 'zod';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import { channelScopeOf, refuseChannel } from '../../keys/dn-scope.ts';
import type { LiveKeys } from '../../keys/live-keys.ts';
import type { ApiKey } from '../../keys/validation.ts';
import { ownerOf } from '../../live/client-owner.ts';
import { toFilter } from '../../live/filter.ts';
import { type ChannelSourceDeps, createChannelSource } from '../../streams/channel-source.ts';
import { channelStreamQuery, parseReadQuery } from '../../streams/read-query.ts';
import type { ReadAsked, ReadStream } from '../../streams/read-stream.ts';
import { ProblemError } from '../problem-error.ts';
import { keyOf, type RelayState, requireKey } from '../require-permission.ts';
import { untilKeyEnds } from '../until-key-ends.ts';

export const describeStreams: RouteDescription = {
  method: 'get',
  path: '/relay/streams/{channel}',
  operationId: 'readStream',
  group: 'Events',
  summary: 'A channel as a durable stream',
  description:
    'The read path of the public Durable Streams protocol in JSON mode, for its client libraries: catch-up, `live=long-poll` and `live=sse`, whose `data` events hold the same arrays. Offsets are positions. `calls` needs the permission `read`, `health` that or `monitor`, the other channels `monitor`. HEAD tells the offset of the tail.',
  permission: 'read',
  params: z.object({ channel: z.enum(CHANNELS).describe('The channel to read.') }),
  query: channelStreamQuery,
  answers: {
    200: {
      description: 'What follows the offset, as far as one answer goes.',
      headers: {
        'stream-next-offset': 'The `offset` of the next request.',
        'stream-up-to-date': '`true` when nothing more is there now.',
        'stream-cursor': 'The `cursor` of the next live request.',
        etag: 'For `If-None-Match`.',
      },
      content: {
        'application/json': { schema: z.array(logMessage), example: [EXAMPLES.call_event] },
        'text/event-stream': {},
      },
    },
    204: {
      description: 'A long poll in whose time nothing came.',
      headers: { 'stream-next-offset': 'The `offset` of the next request.', 'stream-cursor': 'Its `cursor`.' },
    },
    304: { description: 'As before: `If-None-Match` names it.' },
  },
  problems: [
    ...(['invalid_request', 'invalid_position', 'not_found', 'gone'] as const),
    ...(['too_many_waiting', 'too_many_connections', 'too_many_key_connections'] as const),
  ],
};

type StreamsDeps = ChannelSourceDeps & { readonly readStream: ReadStream; readonly liveKeys: LiveKeys };

/** `GET` and `HEAD /relay/streams/{channel}`: each channel as a stream of the Durable Streams protocol, to be read. */
export function addStreams(router: Router<RelayState>, deps: StreamsDeps): void {
  router.get('/relay/streams/:channel', async context => {
    context.set('cache-control', 'no-store');
    const name = context.params.channel ?? '';
    if (!isChannel(name)) {
      throw new ProblemError(
        'not_found',
        `there is no channel ${JSON.stringify(name)}: it is one of ${CHANNELS.join(', ')}`,
      );
    }
    await requireKey()(context, async () => {
      const key = keyOf(context.state);
      const refused = refuseChannel(key, name);
      if (refused) throw ProblemError.of(refused);
      const query = parseReadQuery(context.query, channelStreamQuery);
      const filter = toFilter(query, channelScopeOf(key, name));
      const source = createChannelSource(deps, { channel: name, filter });
      const onConnect = takePlace(deps.liveKeys, key);
      await untilKeyEnds(deps.liveKeys, key, () =>
        deps.readStream(context, source, {
          query,
          onConnect,
          owner: ownerOf(key, context.req),
          followed: { channel: name, asked: query },
        }),
      );
    });
  });
}

/** Connections count against those that the key may have, and end with it. */
function takePlace(liveKeys: LiveKeys, key: ApiKey): NonNullable<ReadAsked['onConnect']> {
  return close => {
    const leave = liveKeys.register(key, close);
    if (!leave) throw ProblemError.of(liveKeys.refusal(key));
    return leave;
  };
}
