import { z } from 'zod';
import { CHANNELS } from './channels.ts';

/** Most values one filter may hold, and most characters of one value. */
const MAX_FILTER_VALUES = 256;
const MAX_FILTER_LENGTH = 128;

const filterValues = z
  .array(z.string().min(1, 'must not be empty').max(MAX_FILTER_LENGTH))
  .min(1, 'must hold at least one value, or be left out')
  .max(MAX_FILTER_VALUES)
  .optional();

/** One channel of a `subscribe` message. `after`: a position, `start` or `now` (default). */
export const subscriptionRequest = z.strictObject({
  after: z.string().max(64).optional(),
  dn: filterValues,
  event: filterValues,
  call: filterValues,
  snapshot: z.boolean().optional(),
});

export type SubscriptionRequest = z.infer<typeof subscriptionRequest>;

const channelName = z.enum(CHANNELS, { error: `must be one of ${CHANNELS.join(', ')}` });

export const clientMessage = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('subscribe'),
      channels: z
        .partialRecord(channelName, subscriptionRequest)
        .refine(channels => Object.keys(channels).length > 0, 'must name at least one channel'),
    }),
    z.strictObject({
      type: z.literal('unsubscribe'),
      channels: z.array(channelName).min(1, 'must name at least one channel').max(CHANNELS.length),
    }),
    z.strictObject({ type: z.literal('ping') }),
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
