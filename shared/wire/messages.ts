import { z } from 'zod';
import { call } from './call.ts';
import { callEventMessage } from './call-event.ts';
import { channelName, position, time } from './message-fields.ts';
import { auditMessage, errorEventMessage, healthMessage, requestMessage } from './operation-messages.ts';

/**
 * Every message that the relay sends (PROTOCOL.md §3). Objects are open, because a later version may add fields and a
 * client has to ignore them; what is named here is exact. The published documents are generated from these schemas.
 */
const channelState = z
  .looseObject({
    epoch: z.string().nullable(),
    head: position.nullable().describe('Of the newest entry.'),
    oldest: position.nullable().describe('Of the oldest entry held.'),
  })
  .meta({ id: 'ChannelState', description: 'What a channel holds; null for one that was never written.' });

export const helloMessage = z
  .looseObject({
    type: z.literal('hello'),
    protocol: z.literal(1),
    session: z.string().describe('Names this connection in the logs of the relay.'),
    heartbeatMs: z.int().positive().describe('Within so long some message comes on each subscribed channel.'),
    channels: z.record(z.string(), channelState).describe('The channels that the key may read, by name.'),
  })
  .meta({ id: 'Hello', title: 'hello', description: 'First on every connection, once.' });

export const snapshotMessage = z
  .looseObject({
    type: z.literal('snapshot'),
    channel: z.literal('calls'),
    id: position.nullable(),
    calls: z.array(call),
  })
  .meta({
    id: 'Snapshot',
    title: 'snapshot',
    description: 'The active calls just behind position `id`, when asked for; what follows continues from there.',
  });

export const GAP_REASONS = ['pbx_disconnected', 'retention', 'log_reset', 'log_rolled_back'] as const;

export const gapMessage = z
  .looseObject({
    type: z.literal('gap'),
    channel: channelName,
    after: position.nullable().describe('The entry before the hole; null where there is none.'),
    before: position.nullable().describe('The entry behind the hole; null where there is none.'),
    lost: z.int().nonnegative().nullable().describe('How many entries are missing; null when nobody knows.'),
    reason: z
      .enum(GAP_REASONS)
      .describe(
        '`pbx_disconnected`: no connection to the PBX. `retention`: no longer held. `log_reset`: the log was lost and begun again. `log_rolled_back`: the newest entries were lost.',
      ),
    id: position
      .optional()
      .describe('Only of a gap that is an entry of the log: it moves the position. Others concern this client alone.'),
    at: time.optional(),
    from: time.optional().describe('When the PBX was last heard.'),
    to: time.optional().describe('When it was heard again.'),
    detail: z.string().optional(),
  })
  .meta({ id: 'Gap', title: 'gap', description: 'Events are missing between `after` and `before`.' });

export const caughtUpMessage = z
  .looseObject({ type: z.literal('caught_up'), channel: channelName, id: position.nullable() })
  .meta({
    id: 'CaughtUp',
    title: 'caught_up',
    description: 'Everything up to `id` was sent; what follows is live. Once for each subscription.',
  });

export const positionMessage = z
  .looseObject({ type: z.literal('position'), channel: channelName, id: position.nullable() })
  .meta({
    id: 'PositionMoved',
    title: 'position',
    description: 'Nothing for this client up to `id`: keep it as the position.',
  });

export const unsubscribedMessage = z
  .looseObject({ type: z.literal('unsubscribed'), channel: channelName, id: position.nullable() })
  .meta({ id: 'Unsubscribed', title: 'unsubscribed', description: 'Nothing of this channel follows.' });

export const pongMessage = z
  .looseObject({ type: z.literal('pong') })
  .meta({ id: 'Pong', title: 'pong', description: 'The answer to `ping`.' });

export const ERROR_CODES = [
  'invalid_json',
  'invalid_message',
  'invalid_position',
  'forbidden_channel',
  'not_subscribed',
  'unavailable',
  'closed',
  // Why a connection with a ticket ends before it began: to a page the answer to the upgrade would say nothing.
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'address_not_allowed',
  'too_many_failures',
  'too_many_requests',
  'too_many_connections',
  'too_many_key_connections',
  'stopping',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export const errorMessage = z
  .looseObject({
    type: z.literal('error'),
    code: z.enum(ERROR_CODES),
    message: z.string().describe('Says which field, and what would be right.'),
    field: z.string().optional(),
  })
  .meta({
    id: 'Refusal',
    title: 'error',
    description:
      'A message of the client was refused; the connection goes on unless a close follows. With `closed` an event stream, which has no close codes, ends for good; with the codes of problems a connection with a ticket is refused.',
  });

export const reconnectMessage = z.looseObject({ type: z.literal('reconnect'), afterMs: z.int().nonnegative() }).meta({
  id: 'Reconnect',
  title: 'reconnect',
  description: 'The server is about to leave: come back after so many milliseconds, with your position.',
});

/** Entries of the log: what a page of `/relay/events` holds, gaps included. */
export const LOG_MESSAGES = [
  callEventMessage,
  healthMessage,
  errorEventMessage,
  auditMessage,
  requestMessage,
  gapMessage,
] as const;

export const logMessage = z
  .discriminatedUnion('type', LOG_MESSAGES)
  .meta({ id: 'LogMessage', description: 'An entry of the log, or a gap.' });

/** What an event stream sends: of the messages of the socket those that concern one channel, and how it ends. */
export const STREAM_MESSAGES = [
  snapshotMessage,
  ...LOG_MESSAGES,
  caughtUpMessage,
  positionMessage,
  errorMessage,
  reconnectMessage,
] as const;

export const SERVER_MESSAGES = [
  helloMessage,
  snapshotMessage,
  ...LOG_MESSAGES,
  caughtUpMessage,
  positionMessage,
  unsubscribedMessage,
  pongMessage,
  errorMessage,
  reconnectMessage,
] as const;

export const serverMessage = z.discriminatedUnion('type', SERVER_MESSAGES);

export type HelloMessage = z.infer<typeof helloMessage>;
export type SnapshotMessage = z.infer<typeof snapshotMessage>;
export type GapMessage = z.infer<typeof gapMessage>;
export type GapReason = (typeof GAP_REASONS)[number];
export type CaughtUpMessage = z.infer<typeof caughtUpMessage>;
export type PositionMessage = z.infer<typeof positionMessage>;
export type UnsubscribedMessage = z.infer<typeof unsubscribedMessage>;
export type PongMessage = z.infer<typeof pongMessage>;
export type ErrorMessage = z.infer<typeof errorMessage>;
export type ReconnectMessage = z.infer<typeof reconnectMessage>;
export type LogMessage = z.infer<typeof logMessage>;
export type ServerMessage = z.infer<typeof serverMessage>;
