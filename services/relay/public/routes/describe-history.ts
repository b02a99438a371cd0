import {
  historyEnd,
  statisticsAnswer,
  storedAudit,
  storedAuditPage,
  storedCall,
  storedCallsPage,
  storedEventsPage,
} from '@3cx-relay/shared/wire/history.ts';
import { z } from 'zod';
import { EXAMPLES } from '../../documents/message-examples.ts';
import type { RouteDescription } from '../../documents/route-description.ts';
import { auditHistoryQuery, callsHistoryQuery, eventsHistoryQuery } from '../history/history-query.ts';
import { statisticsQuery } from '../history/statistics-query.ts';

const EXPORTS =
  'JSON comes in pages, the newest first. NDJSON, CSV and Parquet hold everything that is asked for, the oldest first, written at the pace of the client; each is audited. An export that was cut off goes on behind the last row one has, with its cursor as `after`; NDJSON ends with a line that says it is whole, a CSV that cannot be completed is a connection that breaks, and a Parquet file of `limit` rows names in its metadata (`next`) where the following one begins. In CSV what a spreadsheet would compute has an apostrophe in front.';

const CALL = {
  cursor: 'm5k2h7qa.m5k2h7qa-000f41',
  callId: 'm5k2h7qa-000f41',
  conversationId: 'm5k2h7qa-000f41',
  direction: 'inbound',
  state: 'ended',
  disposition: 'answered',
  startedAt: '2026-03-02T09:14:07.201Z',
  ringingAt: '2026-03-02T09:14:07.640Z',
  answeredAt: '2026-03-02T09:14:12.840Z',
  endedAt: '2026-03-02T09:16:01.117Z',
  ringMs: 5_200,
  talkMs: 108_277,
  caller: { number: '+4930123456', name: 'Ada Lovelace', dn: null },
  callee: { number: '150', name: 'Reception', dn: '150' },
  did: null,
  via: { dn: '800', type: 'queue' },
  answeredBy: '150',
  dns: ['150', '800'],
  position: 'm5k2h7qa_0000000000001042',
};
const AUDIT = {
  seq: 17,
  position: 'm5k2h7qa_0000000000000017',
  at: '2026-03-02T09:14:07.201Z',
  action: 'api_key.revoke',
  actor: { kind: 'admin', id: 'ada', name: 'ada' },
  address: '192.0.2.7',
  target: 'api_key:4',
  outcome: 'done',
  details: { clientName: 'CRM', prefix: '3f9a01c2' },
  salt: '5d41402abc4b2a76b9719d911017c592',
  contentDigest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  previousHash: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
  hash: 'fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9',
};
const LAST = { next: null, more: false };

const PARTS = {
  calls: {
    query: callsHistoryQuery,
    page: storedCallsPage,
    line: storedCall,
    row: CALL,
    example: { calls: [CALL], ...LAST },
  },
  events: {
    query: eventsHistoryQuery,
    page: storedEventsPage,
    line: z.looseObject({}),
    row: EXAMPLES.call_event,
    example: { events: [EXAMPLES.call_event], ...LAST },
  },
  audit: {
    query: auditHistoryQuery,
    page: storedAuditPage,
    line: storedAudit,
    row: AUDIT,
    example: { entries: [AUDIT], ...LAST },
  },
} as const;

function describe(
  of: keyof typeof PARTS,
  told: Pick<RouteDescription, 'operationId' | 'summary' | 'permission'> & { description: string },
): RouteDescription {
  const { query, page, line, row, example } = PARTS[of];
  return {
    method: 'get',
    path: `/relay/history/${of}`,
    group: 'History',
    ...told,
    description: `${told.description}\n\n${EXPORTS}`,
    query,
    answers: {
      200: {
        description: 'What was asked for.',
        content: {
          'application/json': { schema: page, example },
          'application/x-ndjson': { schema: z.union([line, historyEnd]), example: row },
          'text/csv': {},
          'application/vnd.apache.parquet': {},
        },
      },
    },
    problems: ['invalid_request', 'too_many_exports', 'unavailable'],
  };
}

export const describeHistory: readonly RouteDescription[] = [
  describe('calls', {
    operationId: 'listHistoryCalls',
    summary: 'Calls as they ended',
    permission: 'history',
    description: 'One row for each call that the relay saw, or learned of from the records of the PBX.',
  }),
  describe('events', {
    operationId: 'listHistoryEvents',
    summary: 'Entries of the log, by what is in them',
    permission: 'history',
    description:
      'Of `calls`; `health` needs the permission `read` or `monitor`, every other channel `monitor`. The same messages as on the socket, with the same positions. What is younger than a second or so is not here yet: `/relay/events` has it.',
  }),
  describe('audit', {
    operationId: 'listHistoryAudit',
    summary: 'Who did what, as a chain that proves it',
    permission: 'monitor',
    description: 'Every sensitive operation. `npm run audit:verify` on the server proves the chain.',
  }),
  {
    method: 'get',
    path: '/relay/history/statistics',
    operationId: 'getCallStatistics',
    group: 'History',
    summary: 'Calls by the hour, the day or the month',
    description:
      'Counted once a call has ended, in the hour it began. These counts are kept when the calls themselves are past their days. A key that is restricted to extensions may ask for those. More sums than RELAY_MAX_STATISTICS_ROWS are refused.',
    permission: 'history',
    query: statisticsQuery,
    answers: {
      200: {
        description: 'The periods that had calls.',
        content: {
          'application/json': {
            schema: statisticsAnswer,
            example: {
              from: '2026-03-02T09:00:00.000Z',
              to: '2026-03-02T10:00:00.000Z',
              by: 'hour',
              periods: [
                {
                  ...{ at: '2026-03-02T09:00:00.000Z', id: null, calls: 4, answered: 3, missed: 1, abandoned: 0 },
                  ...{ busy: 0, failed: 0, cancelled: 0, unknown: 0, answeredShare: 0.75 },
                  ...{ ringMs: 21_000, meanRingMs: 5_250, talkMs: 360_000, meanTalkMs: 120_000 },
                },
              ],
            },
          },
        },
      },
    },
    problems: ['invalid_request', 'unavailable'],
  },
];
