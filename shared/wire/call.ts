import { z } from 'zod';
import { time } from './message-fields.ts';

/** A call as clients see it: `call` in a message, an element of a snapshot, an answer of `/relay/active-calls`. */
export const CALL_STATES = ['dialing', 'ringing', 'connected', 'held', 'ended'] as const;
export const DIRECTIONS = ['inbound', 'outbound', 'internal'] as const;
export const DISPOSITIONS = ['answered', 'missed', 'abandoned', 'busy', 'failed', 'cancelled'] as const;
export const LEG_OUTCOMES = ['answered', 'answered_elsewhere', 'missed', 'cancelled'] as const;

export const party = z
  .looseObject({
    number: z.string().nullable(),
    name: z.string().nullable(),
    dn: z.string().nullable().describe('The extension; null for an outside party.'),
  })
  .meta({ id: 'Party', description: 'One side of a call.' });

export type Party = z.infer<typeof party>;

export const leg = z
  .looseObject({
    dn: z.string(),
    participantId: z.int().describe("The PBX's id, which commands take."),
    legId: z.int().nullable(),
    status: z.string().describe("The PBX's own word, for example `Ringing` or `Connected`."),
    party: z.string().nullable().describe('The number that this leg shows for the other side.'),
    since: time.describe('When this status was first seen.'),
  })
  .meta({ id: 'Leg', description: 'An extension that is in the call.' });

export type Leg = z.infer<typeof leg>;

export const formerLeg = z
  .looseObject({
    dn: z.string(),
    participantId: z.int(),
    party: z.string().nullable(),
    leftAt: time.nullable().describe('Null when it left while nobody watched.'),
    outcome: z.enum(LEG_OUTCOMES).nullable().describe('Null while it cannot be said.'),
  })
  .meta({ id: 'FormerLeg', description: 'An extension that left the call.' });

export type FormerLeg = z.infer<typeof formerLeg>;

export const via = z
  .looseObject({ dn: z.string(), type: z.enum(['queue', 'ring_group']) })
  .meta({ id: 'Via', description: 'The queue or ring group through which a call came.' });

export const cdrIds = z
  .looseObject({ callHistoryId: z.string(), mainCallHistoryId: z.string().nullable() })
  .meta({ id: 'CdrIds', description: "Where the PBX's own records of a call are found." });

export const call = z
  .looseObject({
    callId: z.string().describe('Unique over restarts of the PBX; sorts by the time the call was first seen.'),
    pbxCallId: z.int().nullable().describe("The PBX's own number; null for a call known from its records alone."),
    conversationId: z.string().describe('The same for all calls that transfers joined: the callId of the first.'),
    linked: z.enum(['observed', 'inferred']).nullable().describe('How we know that it belongs to an earlier call.'),
    direction: z.enum(DIRECTIONS).nullable(),
    state: z.enum(CALL_STATES).describe('`held` only if the PBX says so.'),
    startedAt: time.nullable(),
    ringingAt: time.nullable(),
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    caller: party,
    callee: party,
    did: z.string().nullable().describe('The called number; call control leaves it empty, the records tell it later.'),
    via: via.nullable(),
    answeredBy: z.string().nullable().describe('The extension that took it last.'),
    legs: z.array(leg).describe('Who is in it.'),
    formerLegs: z.array(formerLeg).describe('Who left, the latest 32.'),
    disposition: z
      .enum(DISPOSITIONS)
      .nullable()
      .describe('Once ended; `abandoned`: in a queue. Null when nobody watched.'),
    reason: z
      .enum(['left', 'reconciled'])
      .nullable()
      .describe('Why it counts as ended: everybody was seen to leave, or the PBX did not know it any more.'),
    cdr: cdrIds.nullable().describe('Once its records were found.'),
  })
  .meta({
    id: 'Call',
    description: 'The state of a call just behind an entry. What the PBX does not reveal is null, never invented.',
  });

export type Call = z.infer<typeof call>;
