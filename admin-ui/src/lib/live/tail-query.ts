import { CHANNELS, type Channel, isChannel } from '@3cx-relay/shared/wire/channels.ts';

/** Where the tail begins: now, at a time, behind a position, or with one entry that somebody linked to. */
export type TailStart =
  | { readonly at: 'now' }
  | { readonly at: 'time'; readonly time: number }
  | { readonly at: 'position'; readonly position: string }
  | { readonly at: 'entry'; readonly id: string };

/** What the tail shows, as the address of its page has it. Lists that are empty narrow nothing. */
export interface TailQuery {
  readonly channels: readonly Channel[];
  readonly event: readonly string[];
  readonly dn: readonly string[];
  readonly call: readonly string[];
  readonly text: string;
  readonly start: TailStart;
}

export type FilterName = 'event' | 'dn' | 'call';

export const FILTER_NAMES: readonly FilterName[] = ['event', 'dn', 'call'];

/** Calls, and what explains them. `requests` and `audit` are for who asks for them. */
const USUAL_CHANNELS: readonly Channel[] = ['calls', 'health', 'errors'];

export const USUAL_TAIL: TailQuery = {
  ...{ channels: USUAL_CHANNELS, event: [], dn: [], call: [], text: '' },
  start: { at: 'now' },
};

/** Of the part behind the `?`. What cannot be read counts as not there: an address is typed by people, too. */
export function parseTailQuery(search: URLSearchParams): TailQuery {
  const list = (name: string) => [...new Set((search.get(name) ?? '').split(',').filter(value => value !== ''))];
  const start = parseStart(search);
  const channels = list('channel').filter(isChannel);
  return {
    channels: channelsFor(channels.length > 0 ? channels : USUAL_CHANNELS, start),
    ...{ event: list('event'), dn: list('dn'), call: list('call') },
    text: search.get('text') ?? '',
    start,
  };
}

/** `#/tail`, with what differs from the usual. */
export function tailHref(query: Partial<TailQuery> = {}): string {
  const { channels, event, dn, call, text, start } = { ...USUAL_TAIL, ...query };
  const search = new URLSearchParams();
  const shown = channelsFor(channels, start);
  if (shown.join() !== channelsFor(USUAL_CHANNELS, start).join()) search.set('channel', shown.join());
  for (const [name, values] of Object.entries({ event, dn, call })) {
    if (values.length > 0) search.set(name, values.join());
  }
  if (text !== '') search.set('text', text);
  if (start.at === 'time') search.set('from', new Date(start.time).toISOString());
  else if (start.at === 'position') search.set('after', start.position);
  else if (start.at === 'entry') search.set('entry', start.id);
  return search.size === 0 ? '#/tail' : `#/tail?${search}`;
}

/**
 * The past is read channel by channel, and a position belongs to one: from there on only one is followed. Which order
 * entries of several channels had cannot be said by position.
 */
function channelsFor(channels: readonly Channel[], start: TailStart): readonly Channel[] {
  const inOrder = CHANNELS.filter(channel => channels.includes(channel));
  return start.at === 'now' ? inOrder : inOrder.slice(0, 1);
}

function parseStart(search: URLSearchParams): TailStart {
  const time = Date.parse(search.get('from') ?? '');
  if (!Number.isNaN(time)) return { at: 'time', time };
  const position = search.get('after');
  if (position) return { at: 'position', position };
  const id = search.get('entry');
  return id ? { at: 'entry', id } : { at: 'now' };
}
