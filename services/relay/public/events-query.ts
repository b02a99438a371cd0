import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { subscriptionRequest } from '@3cx-relay/shared/wire/client-messages.ts';
import { z } from 'zod';
import { channelScopeOf, type DnScope, refuseChannel } from '../keys/dn-scope.ts';
import type { ApiKey } from '../keys/validation.ts';
import { parseQuery, type RawQuery } from './parse-query.ts';
import { ProblemError } from './problem-error.ts';

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_WAIT_SECONDS = 60;

export const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error: message }).int(message).min(min, message).max(max, message);
};

/** ISO 8601 or Unix ms, as ms. */
const time = z.string().transform((text, context) => {
  const ms = /^\d{10,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'must be a time such as 2026-03-02T09:00:00Z, or Unix milliseconds' });
  return z.NEVER;
});

export const filters = subscriptionRequest.shape;
export const list = (values: typeof filters.dn) =>
  z
    .string()
    .transform(text => text.split(','))
    .pipe(values.unwrap())
    .optional();

export const eventsQuery = z.strictObject({
  channel: z
    .enum(CHANNELS, { error: `must be one of ${CHANNELS.join(', ')}` })
    .default('calls')
    .describe('`calls` needs the permission `read`, `health` that or `monitor`, the other channels `monitor`.'),
  after: z
    .string()
    .max(64)
    .optional()
    .describe('A position, `start` or `now`: only what is behind it. With `order=asc` the default is `start`.'),
  before: z
    .string()
    .max(64)
    .optional()
    .describe(
      'A position, `start` or `now`: only what is before it. With `order=desc` the default is behind the newest.',
    ),
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT).describe('Most entries in a page. A filter may leave fewer.'),
  order: z
    .enum(['asc', 'desc'], { error: 'must be asc or desc' })
    .default('asc')
    .describe('`asc` reads up from `after`, `desc` down from `before`.'),
  dn: list(filters.dn).describe(
    'Extensions, separated by commas: only calls in which one of them takes part; or queues and ring groups through which they came.',
  ),
  event: list(filters.event).describe('Events, separated by commas; of `audit`, actions.'),
  call: list(filters.call).describe('Values of `callId`, separated by commas.'),
  from: time.optional().describe('ISO 8601 or Unix milliseconds: only entries of this time or later.'),
  to: time.optional().describe('ISO 8601 or Unix milliseconds: only entries of this time or earlier.'),
  wait: wholeNumber(0, MAX_WAIT_SECONDS)
    .default(0)
    .describe('Seconds: when there is nothing yet, wait so long for something. With `order=asc` only.'),
});

/** What the key lets its owner see of the channel. */
interface Scoped {
  readonly scope: DnScope | null;
}

export type EventsQuery = z.infer<typeof eventsQuery> & Scoped;

/** Of `GET /relay/events/stream`: one channel, because the id of an event is one position. */
export const streamQuery = z.strictObject({
  channel: eventsQuery.shape.channel,
  after: eventsQuery.shape.after.describe(
    'A position: only what is behind it comes. `start`: the oldest entry held. `now` (default): live only.',
  ),
  dn: eventsQuery.shape.dn,
  event: eventsQuery.shape.event,
  call: eventsQuery.shape.call,
  snapshot: z
    .enum(['0', '1', 'true', 'false'], { error: 'must be 1 or 0' })
    .optional()
    .describe('`1`: the active calls first; of `calls`, and with `after` left out.'),
  ticket: z
    .string()
    .max(64)
    .optional()
    .describe('Of a browser, in place of a key; it is used up when the query is read.'),
});

export type StreamQuery = z.infer<typeof streamQuery> & Scoped;

/** @throws ProblemError naming the parameter, or what keeps the key from the channel */
export function parseStreamQuery(raw: RawQuery, key: ApiKey): StreamQuery {
  return withScope(parseQuery(raw, streamQuery), key);
}

/** @throws ProblemError naming the parameter, or what keeps the key from the channel */
export function parseEventsQuery(raw: RawQuery, key: ApiKey): EventsQuery {
  const parsed = parseQuery(raw, eventsQuery);
  if (parsed.wait > 0 && parsed.order === 'desc') {
    throw new ProblemError(
      'invalid_request',
      'wait: goes with order=asc only, nothing new comes from the past',
      'wait',
    );
  }
  return withScope(parsed, key);
}

function withScope<Query extends { channel: Channel }>(query: Query, key: ApiKey): Query & Scoped {
  const refused = refuseChannel(key, query.channel);
  if (refused) throw ProblemError.of(refused);
  return { ...query, scope: channelScopeOf(key, query.channel) };
}
