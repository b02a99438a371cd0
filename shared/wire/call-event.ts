import { z } from 'zod';
import { call } from './call.ts';
import { entryFields } from './message-fields.ts';

export const CALL_EVENTS = [
  'call.started',
  'call.ringing',
  'call.answered',
  'call.held',
  'call.resumed',
  'call.transferred',
  'call.dtmf',
  'call.updated',
  'call.ended',
  'call.finalized',
  'queue.offered',
  'queue.answered',
  'queue.abandoned',
  'extension.status',
  'pbx.event',
] as const;

export const callEventName = z.enum(CALL_EVENTS).meta({ id: 'CallEventName', description: 'What happened to a call.' });

export type CallEventName = z.infer<typeof callEventName>;

/** Only `event.event_type` is certain: a frame goes into the log as long as it has one, whatever else it holds. */
export const pbxFrame = z
  .looseObject({
    sequence: z.unknown().optional().describe("The PBX's own count, a number. It begins again and proves nothing."),
    event: z.looseObject({
      event_type: z.number().describe('0 upsert, 1 remove, 2 DTMF, 3 prompt played, 4 answer to a request.'),
      entity: z.unknown().optional().describe('What it is about, for example `/callcontrol/150/participants/8107`.'),
      attached_data: z.unknown().optional(),
    }),
  })
  .meta({ id: 'PbxFrame', description: 'The frame as the PBX sent it.' });

export type PbxFrame = z.infer<typeof pbxFrame>;

const pbxText = z.string().nullable().optional();

export const participant = z
  .looseObject({
    id: z.int(),
    callid: z.int(),
    legid: z.int().nullable().optional(),
    dn: pbxText,
    status: pbxText.describe('`Dialing`, `Ringing` or `Connected`.'),
    party_caller_name: pbxText,
    party_caller_id: pbxText,
    party_dn: pbxText,
    party_dn_type: pbxText,
    party_did: pbxText,
    device_id: pbxText,
    direct_control: z.boolean().nullable().optional(),
    originated_by_dn: pbxText,
    originated_by_type: pbxText,
    referred_by_dn: pbxText,
    referred_by_type: pbxText,
    on_behalf_of_dn: pbxText,
    on_behalf_of_type: pbxText,
  })
  .meta({ id: 'Participant', description: 'The PBX\'s own object for a leg, untouched: `""` and `None` mean absent.' });

export type Participant = z.infer<typeof participant>;

export const device = z
  .looseObject({
    dn: z.string(),
    deviceId: z.string().nullable().describe('Null when the frame names the extension alone.'),
    registered: z.boolean(),
  })
  .meta({ id: 'Device', description: 'The device of an `extension.status`.' });

export const callEventMessage = z
  .looseObject({
    type: z.literal('call_event'),
    ...entryFields,
    event: callEventName.describe('The most telling event of this entry.'),
    events: z.array(callEventName).min(2).optional().describe('All events of this entry in order, if several.'),
    data: pbxFrame.nullable().describe('The frame as it came; null for an entry that no frame caused, see `origin`.'),
    participant: participant
      .nullable()
      .describe('What the PBX answered when asked for the entity; null when it is gone or did not answer.'),
    call: call.nullable().describe('The call just behind this entry; null when the entry is about none that is known.'),
    otherCalls: z.array(call).optional().describe('Other calls that the same entry changed.'),
    entity: z.string().optional().describe('The participant it is about, where no frame names it.'),
    dtmf: z.string().optional().describe('The keys of a `call.dtmf`.'),
    device: device.optional(),
    repeat: z.literal(true).optional().describe('The PBX sent again what it had sent before.'),
    unresolved: z
      .enum(['gone', 'deadline', 'refused', 'failed', 'overload'])
      .optional()
      .describe('Why `participant` is null.'),
    origin: z
      .enum(['reconcile', 'grace', 'cdr'])
      .optional()
      .describe('What caused an entry without a frame: a snapshot of the PBX, the end of a grace, its call records.'),
  })
  .meta({ id: 'CallEvent', title: 'call_event', description: 'An entry of the channel `calls`.' });

export type CallEventMessage = z.infer<typeof callEventMessage>;
