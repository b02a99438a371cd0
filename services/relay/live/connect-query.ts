import { CHANNELS, type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import { firstIssue, type SubscriptionRequest, subscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';

export type ConnectQuery =
  | { readonly ok: true; readonly channels: Map<Channel, SubscriptionRequest> }
  | { readonly ok: false; readonly field: string; readonly message: string };

const PARAMETERS = new Set(['channels', 'after', 'dn', 'event', 'call', 'snapshot']);

/** The first subscription, as the query of the upgrade states it: the same words as a `subscribe` message. */
export function parseQuery(query: URLSearchParams): ConnectQuery {
  const strange = [...query.keys()].find(name => !PARAMETERS.has(name));
  if (strange !== undefined) {
    const field = strange.slice(0, 64);
    return { ok: false, field, message: `${field}: is none of ${[...PARAMETERS].join(', ')}` };
  }
  const repeated = [...PARAMETERS].find(name => query.getAll(name).length > 1);
  if (repeated !== undefined) {
    return { ok: false, field: repeated, message: `${repeated}: is given more than once: separate values by commas` };
  }
  const names = (query.get('channels') ?? 'calls').split(',').filter(name => name !== '');
  const unknown = names.find(name => !isChannel(name));
  if (unknown !== undefined) {
    return { ok: false, field: 'channels', message: `channels: "${unknown}" is none of ${CHANNELS.join(', ')}` };
  }
  const list = (name: string) => query.get(name)?.split(',');
  const snapshot = query.get('snapshot');
  const after = query.get('after');
  const parsed = subscriptionRequest.safeParse({
    ...(after === null ? {} : { after }),
    ...(query.has('dn') ? { dn: list('dn') } : {}),
    ...(query.has('event') ? { event: list('event') } : {}),
    ...(query.has('call') ? { call: list('call') } : {}),
    ...(snapshot === null ? {} : { snapshot: snapshot === '1' || snapshot === 'true' }),
  });
  if (!parsed.success) {
    const { field, message } = firstIssue(parsed.error);
    return { ok: false, field, message: `${field}: ${message}` };
  }
  // One query speaks of all channels, and a snapshot is of calls.
  const { snapshot: _, ...others } = parsed.data;
  const isOther = (name: Channel) => name !== 'calls' && names.includes('calls');
  return {
    ok: true,
    channels: new Map(names.filter(isChannel).map(name => [name, isOther(name) ? others : parsed.data])),
  };
}
