import type { ClientChannel, ConnectedClient } from '@3cx-relay/shared/wire/admin/clients.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type { ClientOwner } from '../live/client-owner.ts';
import type { Hub } from '../live/hub.ts';
import type { LiveClient } from '../live/live-client.ts';
import type { Ring } from '../live/ring.ts';

export interface ListClientsDeps {
  readonly hub: Pick<Hub, 'owners'>;
  readonly ring: (channel: Channel) => Ring;
  /** Of this instance. */
  readonly instance: string;
  readonly now?: () => number;
}

/** Who is connected to this instance, at most `max`; `truncated`: how many more. */
export function listClients(deps: ListClientsDeps, max: number): { clients: ConnectedClient[]; truncated: number } {
  const clients: ConnectedClient[] = [];
  let truncated = 0;
  for (const [client, owner] of deps.hub.owners()) {
    if (clients.length < max) clients.push(toConnected(deps, client, owner));
    else truncated += 1;
  }
  return { clients, truncated };
}

function toConnected(deps: ListClientsDeps, client: LiveClient, owner: ClientOwner): ConnectedClient {
  const { connectedAt, ...who } = owner;
  return {
    session: client.session,
    instance: deps.instance,
    transport: client.place ? 'stream' : client.transport,
    ...who,
    connectedAt: new Date(connectedAt).toISOString(),
    channels: channelsOf(deps, client),
    queuedBytes: client.queuedBytes,
  };
}

function channelsOf(deps: ListClientsDeps, { subscriptions, place }: LiveClient): ClientChannel[] {
  if (place) {
    const { channel, position, asked } = place;
    const cursor = parsePosition(position)?.seq ?? 0;
    const lagEvents = Math.max(0, deps.ring(channel).head - cursor);
    return [toChannel(deps, { channel, position, asked, cursor, lagEvents, isCatchingUp: lagEvents > 0 })];
  }
  return [...subscriptions].map(([channel, { position, asked, cursor, lag: lagEvents, isCatchingUp }]) =>
    toChannel(deps, { channel, position, asked, cursor, lagEvents, isCatchingUp }),
  );
}

function toChannel(
  { ring, now = Date.now }: ListClientsDeps,
  {
    asked,
    cursor,
    ...at
  }: Pick<ClientChannel, 'channel' | 'position' | 'lagEvents' | 'isCatchingUp'> & {
    asked: {
      dn?: readonly string[] | undefined;
      event?: readonly string[] | undefined;
      call?: readonly string[] | undefined;
    };
    cursor: number;
  },
): ClientChannel {
  const list = (values: readonly string[] | undefined) => (values ? [...values] : null);
  const writtenAt = at.lagEvents > 0 ? timeBehind(ring(at.channel), cursor) : null;
  return {
    ...at,
    lagSeconds: writtenAt === null ? 0 : Math.max(0, (now() - writtenAt) / 1000),
    filters: { dn: list(asked.dn), event: list(asked.event), call: list(asked.call) },
  };
}

/** Unix ms of the oldest entry behind `cursor` that is in memory. */
function timeBehind(ring: Ring, cursor: number): number | null {
  const from = Math.max(cursor, ring.after);
  for (const { at } of ring.blockAfter(from)?.behind(from) ?? []) return at;
  return null;
}
