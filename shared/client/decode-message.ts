import type { Channel } from '../wire/channels.ts';
import type { LogMessage, ServerMessage, SnapshotMessage } from '../wire/messages.ts';

/** What a consumer gets: entries, gaps, and the snapshot it asked for. `type` tells them apart. */
export type RelayItem = LogMessage | SnapshotMessage;

const CHANNEL_OF_TYPE = {
  call_event: 'calls',
  health: 'health',
  error_event: 'errors',
  audit: 'audit',
  request: 'requests',
} as const satisfies Record<Exclude<LogMessage['type'], 'gap'>, Channel>;

const CONTROL_TYPES: ReadonlySet<string> = new Set<Exclude<ServerMessage, LogMessage>['type'] | 'gap'>([
  'hello',
  'snapshot',
  'gap',
  'caught_up',
  'position',
  'unsubscribed',
  'pong',
  'error',
  'reconnect',
]);

/**
 * Null for what this version does not know and has to ignore, undefined for what is no message at all. The relay
 * validates what it sends; here only as much is looked at as is needed not to trip over something else that answers.
 */
export function decodeMessage(text: string): ServerMessage | null | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined;
  const { type } = message;
  if (typeof type !== 'string') return undefined;
  if (CONTROL_TYPES.has(type)) return message as ServerMessage;
  return type in CHANNEL_OF_TYPE && 'id' in message && typeof message.id === 'string' ? (message as LogMessage) : null;
}

/** The channel that a message belongs to: an entry does not name it, its type does. */
export function channelOf(message: Extract<ServerMessage, { channel: Channel }> | RelayItem): Channel {
  return 'channel' in message
    ? (message.channel as Channel)
    : CHANNEL_OF_TYPE[message.type as keyof typeof CHANNEL_OF_TYPE];
}
