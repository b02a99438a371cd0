import { z } from 'zod';
import { call } from './call.ts';
import { callEventMessage } from './call-event.ts';
import { position } from './message-fields.ts';

/** `GET /relay/calls/{callId}`. */
export const callTimeline = z
  .looseObject({
    callId: call.shape.callId,
    position: position.describe(
      'The timeline is complete up to here: reading on with `after=<position>&call=<callId>` misses nothing.',
    ),
    ended: z.boolean(),
    call: call.nullable().describe('As it stands at `position`; null when no entry told.'),
    events: z.array(callEventMessage).describe('The same messages as on the socket, in order.'),
    next: position.nullable().describe('The `after` of the following page; null behind the last one.'),
    more: z.boolean(),
  })
  .meta({ id: 'CallTimeline', description: 'Everything the log holds of one call.' });

export type CallTimeline = z.infer<typeof callTimeline>;
