import { CHANNELS, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import { CHANNEL_PERMISSION } from '@3cx-relay/shared/wire/permissions.ts';
import type Router from '@koa/router';
import { toFilter } from '../../live/filter.ts';
import { type ChannelSourceDeps, createChannelSource } from '../../streams/channel-source.ts';
import { channelStreamQuery, parseReadQuery } from '../../streams/read-query.ts';
import type { ReadStream } from '../../streams/read-stream.ts';
import { ProblemError } from '../problem-error.ts';
import { type RelayState, requirePermission } from '../require-permission.ts';

/** `GET` and `HEAD /relay/streams/{channel}`: each channel as a stream of the Durable Streams protocol, to be read. */
export function addStreams(router: Router<RelayState>, deps: ChannelSourceDeps & { readStream: ReadStream }): void {
  router.get('/relay/streams/:channel', async context => {
    context.set('cache-control', 'no-store');
    const name = context.params.channel ?? '';
    if (!isChannel(name)) {
      throw new ProblemError(
        'not_found',
        `there is no channel ${JSON.stringify(name)}: it is one of ${CHANNELS.join(', ')}`,
      );
    }
    await requirePermission(CHANNEL_PERMISSION[name])(context, async () => {
      const query = parseReadQuery(context.query, channelStreamQuery);
      await deps.readStream(context, createChannelSource(deps, { channel: name, filter: toFilter(query) }), query);
    });
  });
}
