import { z } from 'zod';
import { CHANNELS } from './channels.ts';

/** Most values one filter may hold, and most characters of one value. */
const MAX_FILTER_VALUES = 256;
const MAX_FILTER_LENGTH = 128;

/** PostgreSQL takes no text that has it, and nothing that is stored has it. */
export const NUL = '\0';
export const NO_NUL = 'must not contain the character U+0000';

const filterValues = z
  .array(
    z
      .string()
      .min(1, 'must not be empty')
      .max(MAX_FILTER_LENGTH)
      .refine(value => !value.includes(NUL), NO_NUL),
  )
  .min(1, 'must hold at least one value, or be left out')
  .max(MAX_FILTER_VALUES)
  .optional();

/** One channel of a `subscribe` message. `after`: a position, `start` or `now` (default). */
export const subscriptionRequest = z.strictObject({
  after: z
    .string()
    .max(64)
    .optional()
    .describe('A position: only what is behind it comes. `start`: the oldest entry held. `now` (default): live only.'),
  dn: filterValues.describe(
    'Only calls in which one of these extensions takes part, or that came through one of these queues and groups.',
  ),
  event: filterValues.describe('Only entries with one of these events; of `audit`, with one of these actions.'),
  call: filterValues.describe('Only these calls, by `callId`.'),
  snapshot: z.boolean().optional().describe('The active calls first; of `calls`, and with `after` left out.'),
});

export type SubscriptionRequest = z.infer<typeof subscriptionRequest>;

const channelName = z.enum(CHANNELS, { error: `must be one of ${CHANNELS.join(', ')}` });

export const clientMessage = z.discriminatedUnion(
  'type',
  [
    z
      .strictObject({
        type: z.literal('subscribe'),
        channels: z
          .partialRecord(channelName, subscriptionRequest)
          .refine(channels => Object.keys(channels).length > 0, 'must name at least one channel')
          .describe('By name. A channel that is subscribed already is subscribed anew.'),
      })
      .meta({ id: 'Subscribe', title: 'subscribe', description: 'Read channels, each from its own place.' }),
    z
      .strictObject({
        type: z.literal('unsubscribe'),
        channels: z.array(channelName).min(1, 'must name at least one channel').max(CHANNELS.length),
      })
      .meta({ id: 'Unsubscribe', title: 'unsubscribe', description: 'Read no more of these channels.' }),
    z
      .strictObject({ type: z.literal('ping') })
      .meta({ id: 'Ping', title: 'ping', description: 'Is anybody there? `pong` is the answer.' }),
  ],
  { error: 'must be one of subscribe, unsubscribe, ping' },
);

export type ClientMessage = z.infer<typeof clientMessage>;

/** The first problem of a refused input: which field, and what would be right. */
export function firstIssue(error: z.ZodError): { field: string; message: string } {
  const issue = error.issues[0];
  const path = issue?.path.map(String) ?? [];
  const field = issue?.code === 'unrecognized_keys' ? [...path, issue.keys[0] ?? ''] : path;
  return { field: field.join('.'), message: issue?.message ?? 'is not valid' };
}
