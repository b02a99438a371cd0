import { type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';
import type { Query } from '../../../lib/api/admin-api.ts';
import { parseRange, rangeOf, type TimeRange } from '../../../lib/components/time-range.ts';

/** What the events are narrowed to; empty narrows nothing. */
export interface EventFilters {
  readonly channel: Channel;
  readonly range: TimeRange;
  readonly event: string;
  readonly dn: string;
  readonly number: string;
  readonly call: string;
  readonly component: string;
}

type TextFilter = 'event' | 'dn' | 'number' | 'call' | 'component';

const USUAL_RANGE = '24h';

export const CHANNEL_WORDS: Readonly<Record<Channel, string>> = {
  ...{ calls: 'Calls', health: 'Health', errors: 'Errors', audit: 'Audit', requests: 'API requests' },
};

/** What can be asked of the events of a channel: the others have nothing of the kind. */
const TEXTS_OF: Readonly<Record<Channel, readonly TextFilter[]>> = {
  calls: ['event', 'dn', 'number', 'call'],
  health: ['event', 'component'],
  errors: ['event', 'component'],
  audit: ['event'],
  requests: ['event'],
};

export const TEXT_WORDS: Readonly<Record<TextFilter, { label: string; placeholder: string }>> = {
  event: { label: 'Event', placeholder: 'call.answered' },
  dn: { label: 'Extension', placeholder: '101, 102' },
  number: { label: 'Number', placeholder: '+49 30 1234' },
  call: { label: 'Call', placeholder: 'Call id' },
  component: { label: 'Component', placeholder: 'xapi' },
};

/** Offered while somebody types; every other name is understood as well. */
export const EVENT_NAMES: Readonly<Record<Channel, readonly string[]>> = {
  calls: [
    ...['call.started', 'call.ringing', 'call.answered', 'call.held', 'call.resumed', 'call.transferred'],
    ...['call.dtmf', 'call.updated', 'call.ended', 'call.finalized'],
    ...['queue.offered', 'queue.answered', 'queue.abandoned', 'extension.status', 'pbx.event'],
  ],
  health: ['health.sample', 'health.state_change'],
  errors: ['error.critical', 'error.error', 'error.warning', 'error.info', 'error.acknowledged'],
  audit: [],
  requests: ['http.request', 'ws.upgrade', 'ws.refuse', 'ws.end', 'sse.end'],
};

export const NO_EVENT_FILTERS: Readonly<Record<string, null>> = {
  ...{ range: null, event: null, dn: null, number: null, call: null, component: null },
};

export const EVENT_FILTER_FIELDS = ['channel', 'from', 'to', 'event', 'dn', 'number', 'call', 'component'] as const;

export function parseEventFilters(search: URLSearchParams): EventFilters {
  const text = (name: string) => search.get(name) ?? '';
  const channel = text('channel');
  return {
    channel: isChannel(channel) ? channel : 'calls',
    range: parseRange(search.get('range'), USUAL_RANGE),
    ...{ event: text('event'), dn: text('dn'), number: text('number'), call: text('call') },
    component: text('component'),
  };
}

/** Filters that the channel knows, in the order they are shown. */
export function textsOf({ channel }: EventFilters): readonly TextFilter[] {
  return TEXTS_OF[channel];
}

export function toEventQuery(filters: EventFilters, now: number): Query {
  const { channel, range } = filters;
  const { from, to } = rangeOf(range, now);
  const texts = Object.fromEntries(textsOf(filters).map(name => [name, filters[name]]));
  return { channel, from: new Date(from), to: 'preset' in range ? null : new Date(to), ...texts };
}

export function describeEventFilters(filters: EventFilters): string[] {
  return textsOf(filters)
    .filter(name => filters[name] !== '')
    .map(name => `${TEXT_WORDS[name].label.toLowerCase()} ${filters[name]}`);
}
