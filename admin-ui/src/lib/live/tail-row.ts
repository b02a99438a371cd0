import { channelOf, type RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogMessage } from '@3cx-relay/shared/wire/messages.ts';
import type { TailQuery } from './tail-query.ts';

/** An entry or a gap, as a row. */
export interface TailRow {
  /** Its own in the list. */
  readonly key: string;
  readonly channel: Channel;
  /** Null for a gap that concerns this reader alone. */
  readonly id: string | null;
  /** Unix ms. */
  readonly at: number;
  readonly item: LogMessage;
}

/** Null for what the tail does not show. `now` stands in where a message carries no time. */
export function toTailRow(item: RelayItem, query: TailQuery, now: number): TailRow | null {
  if (item.type === 'snapshot') return null;
  // Six of them every five seconds say that nothing happened: only for who asks for them.
  if (item.type === 'health' && item.event === 'health.sample' && !query.event.includes('health.sample')) return null;
  if (query.text !== '' && item.type !== 'gap' && !textOf(item).includes(query.text.toLowerCase())) return null;
  const channel = channelOf(item);
  const id = item.id ?? null;
  const at = Date.parse(item.at ?? '');
  const key = id === null && item.type === 'gap' ? `${channel} ${item.after} ${item.before}` : `${channel} ${id}`;
  return { key, channel, id, at: Number.isNaN(at) ? now : at, item };
}

/** The whole message: whoever searches may mean any part of it. */
function textOf(item: LogMessage): string {
  return JSON.stringify(item).toLowerCase();
}
