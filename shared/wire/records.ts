import { z } from 'zod';
import { time } from './message-fields.ts';

/**
 * What the routes of records answer: `/relay/cdr`, `/relay/call-history`, `/relay/agent-states`. One shape whatever the
 * source; what a source does not tell is null.
 */
export const RECORD_SOURCES = ['database', 'xapi'] as const;

export type RecordSource = (typeof RECORD_SOURCES)[number];

const source = z.enum(RECORD_SOURCES).describe("The PBX's own database, or its XAPI.");
const text = z.string().nullable();

const recordedParty = z
  .object({
    type: text.describe(
      '`extension`, `external_line`, `queue`, `ring_group_…`, `inbound_routing`, `voicemail`, `ivr`, …',
    ),
    dn: text,
    name: text,
    number: text.describe('Telephone number of an outside party.'),
    did: text.describe('The called number of the trunk.'),
  })
  .meta({ id: 'RecordedParty', description: 'One side of a segment.' });

export const callRecord = z
  .object({
    source,
    callHistoryId: text.describe('The same for all segments of a call.'),
    mainCallHistoryId: text.describe('The same for all calls that a transfer joined.'),
    cdrId: z.string(),
    startedAt: time,
    answeredAt: time.nullable().describe('Null: nobody answered this segment, or the source does not say when.'),
    endedAt: time.nullable(),
    caller: recordedParty,
    callee: recordedParty,
    creationMethod: text.describe('`call_init`, `divert`, `transfer`, `route_to`, …'),
    creationForwardReason: text,
    terminationReason: text.describe(
      '`src_participant_terminated`, `dst_participant_terminated`, `continued_in`, `cancelled`, `redirected`, `rejected`, `no_route`, …',
    ),
    terminationReasonDetails: text,
  })
  .meta({ id: 'CallRecord', description: 'A segment of a call: who was put to whom, and how that ended.' });

export type CallRecord = z.infer<typeof callRecord>;

export const agentStateRecord = z
  .object({ source, at: time, dn: text, state: text, queueDn: text })
  .meta({ id: 'AgentStateRecord', description: "A change of an agent's state." });

export type AgentStateRecord = z.infer<typeof agentStateRecord>;

function pageOf<Record extends z.ZodType>(id: string, record: Record) {
  return z
    .object({
      from: time,
      to: time,
      source,
      records: z.array(record).describe('The earliest first.'),
      next: z.string().nullable().describe('The `cursor` of the following page; null behind the last one.'),
      more: z.boolean(),
    })
    .meta({ id, description: 'A page. It may be short, even empty, while `more` is true: go on with `next`.' });
}

export const callRecordsPage = pageOf('CallRecordsPage', callRecord);

export const agentStatesPage = pageOf('AgentStatesPage', agentStateRecord);

export const recordsEnd = z
  .union([
    z.object({ complete: z.literal(true), source, records: z.int().describe('How many lines came before.') }),
    z.object({
      error: z.looseObject({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() }),
      records: z.int().describe('How many lines came before.'),
      next: z
        .string()
        .nullable()
        .describe('The `cursor` that goes on behind the records before this line; null: begin again.'),
    }),
  ])
  .meta({ id: 'RecordsEnd', description: 'The last line of an NDJSON answer: without it the answer was cut off.' });
