import { z } from 'zod';
import { CALL_STATES, DIRECTIONS, DISPOSITIONS, party, via } from './call.ts';
import { position, time } from './message-fields.ts';

/**
 * What the routes of history answer: `/relay/history/calls`, `/relay/history/events`, `/relay/history/audit` and
 * `/relay/history/statistics`. They read PostgreSQL, which is a second or so behind the log.
 */
const cursor = z
  .string()
  .max(128)
  .meta({ id: 'HistoryCursor', description: 'A place in an answer of history, for `after` or `before`. Opaque.' });

export const storedCall = z
  .object({
    cursor,
    callId: z.string(),
    conversationId: z.string().describe('The same for all calls that transfers joined.'),
    direction: z.enum(DIRECTIONS).nullable(),
    state: z.enum(CALL_STATES).nullable(),
    disposition: z.enum(DISPOSITIONS).nullable().describe('Null while it goes on, and when nobody watched.'),
    startedAt: time.nullable(),
    ringingAt: time.nullable(),
    answeredAt: time.nullable(),
    endedAt: time.nullable(),
    ringMs: z.int().nullable().describe('From ringing to the answer, or to the end of a call that nobody took.'),
    talkMs: z.int().nullable().describe('From the answer to the end.'),
    caller: party,
    callee: party,
    did: z.string().nullable(),
    via: via.nullable(),
    answeredBy: z.string().nullable().describe('The extension that took it last.'),
    dns: z.array(z.string()).describe('Every extension, queue and ring group that took part.'),
    position: position.describe('Of the entry that changed it last.'),
  })
  .meta({ id: 'StoredCall', description: 'A call as it ended, or as it is. What the PBX does not reveal is null.' });

export type StoredCall = z.infer<typeof storedCall>;

const chainHash = z.string().regex(/^[0-9a-f]{64}$/);

export const storedAudit = z
  .object({
    seq: z.int().describe('Number in the chain, without gaps. It is the cursor of this entry.'),
    position: position.describe('In the channel `audit`.'),
    at: time,
    action: z.string().describe('For example `api_key.revoke`, `call.make`, `history.export`.'),
    actor: z.object({ kind: z.string().nullable(), id: z.string().nullable(), name: z.string().nullable() }),
    address: z.string().nullable().describe('IP address the request came from.'),
    target: z.string().nullable(),
    outcome: z.string().nullable().describe('`done`, or in one word why not.'),
    details: z.unknown(),
    salt: z.string().describe('Of the digest, hexadecimal.'),
    contentDigest: chainHash,
    previousHash: chainHash,
    hash: chainHash.describe('SHA-256 over the hash before, and the canonical JSON of what this entry is.'),
  })
  .meta({ id: 'StoredAudit', description: 'A sensitive operation, and its link in the chain that proves it.' });

export type StoredAudit = z.infer<typeof storedAudit>;

const page = {
  next: cursor.nullable().describe('Goes on in the same order: as `after` of `asc`, as `before` of `desc`.'),
  more: z.boolean(),
};
const PAGE = 'A page. It may be short, even empty, while `more` is true: go on with `next`.';

export const storedCallsPage = z
  .object({ calls: z.array(storedCall), ...page })
  .meta({ id: 'StoredCallsPage', description: PAGE });

export const storedEventsPage = z
  .object({ events: z.array(z.looseObject({})).describe('The same messages as on the socket.'), ...page })
  .meta({ id: 'StoredEventsPage', description: PAGE });

export const storedAuditPage = z
  .object({ entries: z.array(storedAudit), ...page })
  .meta({ id: 'StoredAuditPage', description: PAGE });

export const historyEnd = z
  .union([
    z.object({ complete: z.literal(true), rows: z.int().describe('How many lines came before.') }),
    z.object({
      complete: z.literal(false),
      rows: z.int(),
      next: cursor.describe('`limit` was reached; this goes on behind it.'),
    }),
    z.object({
      error: z.looseObject({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() }),
      rows: z.int(),
      next: cursor.nullable().describe('Goes on behind the lines before this one; null: begin again.'),
    }),
  ])
  .meta({ id: 'HistoryEnd', description: 'The last line of an NDJSON export: without it the export was cut off.' });

const sum = z.int().nullable();

export const callStatistics = z
  .object({
    at: time.describe('Begin of the hour, the day or the month.'),
    id: z.string().nullable().describe('The extension or queue; null for all calls.'),
    calls: z.int().describe('That began then and have ended.'),
    answered: z.int(),
    missed: z.int(),
    abandoned: z.int(),
    busy: z.int(),
    failed: z.int(),
    cancelled: z.int(),
    unknown: z.int().describe('Nobody watched how they ended.'),
    answeredShare: z.number().nullable().describe('Of `calls`, from 0 to 1; null when there were none.'),
    ringMs: sum.describe('All of them together.'),
    meanRingMs: z.number().nullable(),
    talkMs: sum.describe('All of them together.'),
    meanTalkMs: z.number().nullable(),
  })
  .meta({ id: 'CallStatistics', description: 'Calls of one period, of everybody or of one extension or queue.' });

export type CallStatistics = z.infer<typeof callStatistics>;

export const statisticsAnswer = z
  .object({ from: time, to: time, by: z.enum(['hour', 'day', 'month']), periods: z.array(callStatistics) })
  .meta({ id: 'CallStatisticsAnswer', description: 'The earliest period first; periods without calls are left out.' });
