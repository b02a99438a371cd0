import { z } from 'zod';
import { eventsQuery } from '../public/events-query.ts';
import { parseQuery, type RawQuery } from '../public/parse-query.ts';
import { ProblemError } from '../public/problem-error.ts';

const MAX_OFFSET_LENGTH = 64;
const once = (what: string) => z.string({ error: `must be given once, as ${what}` });

/** What a reader may ask of any stream. Unknown parameters are ignored: the protocol wants its extensions to be safe. */
export const readQuery = z.object({
  offset: once('the Stream-Next-Offset of an earlier answer, "-1" or "now"')
    .min(1, 'must not be empty: leave it out to read from the start')
    .max(MAX_OFFSET_LENGTH, 'is longer than any offset that the relay sent')
    .optional(),
  live: z.enum(['long-poll', 'sse'], { error: 'must be long-poll or sse' }).optional(),
  cursor: once('the last Stream-Cursor')
    .regex(/^\d{1,15}$/, 'must be the last Stream-Cursor')
    .optional(),
});

export type ReadQuery = z.infer<typeof readQuery>;

/** Of `GET /relay/streams/{channel}`. */
export const channelStreamQuery = readQuery.extend({
  dn: eventsQuery.shape.dn,
  event: eventsQuery.shape.event,
  call: eventsQuery.shape.call,
});

/** @throws ProblemError naming the parameter */
export function parseReadQuery<Schema extends typeof readQuery>(raw: RawQuery, schema: Schema): z.output<Schema> {
  const query = parseQuery(raw, schema);
  if (query.live !== undefined && query.offset === undefined) {
    throw new ProblemError('invalid_request', `offset: must be given with live=${query.live}`, 'offset');
  }
  return query;
}
