import {
  agentStateRecord,
  agentStatesPage,
  callRecord,
  callRecordsPage,
  recordsEnd,
} from '@3cx-relay/shared/wire/records.ts';
import { z } from 'zod';
import type { RouteDescription } from '../../documents/route-description.ts';
import { agentStatesQuery, callRecordsQuery } from '../records/records-query.ts';

const AT = '2026-03-02T09:14:07.201Z';
const SPAN = { from: '2026-03-01T00:00:00.000Z', to: '2026-03-02T23:59:59.999Z' };
const LAST = { next: null, more: false };

const CALL_RECORD = {
  source: 'database',
  callHistoryId: '00000000-01db-8a41-5c21-3f7a000004f1',
  mainCallHistoryId: '00000000-01db-8a41-5c21-3f7a000004f1',
  cdrId: '00000000-01db-8a41-5c21-3f7a000004f2',
  startedAt: AT,
  answeredAt: '2026-03-02T09:14:12.840Z',
  endedAt: '2026-03-02T09:16:01.117Z',
  caller: { type: 'external_line', dn: '10000', name: 'Ada Lovelace', number: '+4930123456', did: '+4930998877' },
  callee: { type: 'extension', dn: '150', name: 'Reception', number: null, did: null },
  creationMethod: 'route_to',
  creationForwardReason: null,
  terminationReason: 'src_participant_terminated',
  terminationReasonDetails: null,
};
const AGENT_STATE = { source: 'database', at: AT, dn: '150', state: 'available', queueDn: '800' };

const FORMATS =
  'JSON comes in pages; NDJSON and CSV hold everything from `from` to `to`, written at the pace of the client. NDJSON ends with a line that says so. A CSV that cannot be completed is a connection that breaks; what a spreadsheet would compute has an apostrophe in front.';

const PARTS = {
  calls: {
    query: callRecordsQuery,
    page: callRecordsPage,
    line: callRecord,
    example: CALL_RECORD,
  },
  states: {
    query: agentStatesQuery,
    page: agentStatesPage,
    line: agentStateRecord,
    example: AGENT_STATE,
  },
} as const;

function describe(
  path: string,
  of: keyof typeof PARTS,
  told: Pick<RouteDescription, 'operationId' | 'summary'> & { description: string },
): RouteDescription {
  const { query, page, line, example } = PARTS[of];
  return {
    method: 'get',
    path,
    group: 'Records',
    ...told,
    description: `${told.description}\n\n${FORMATS}`,
    permission: 'history',
    query,
    answers: {
      200: {
        description: 'The records, the earliest first.',
        content: {
          'application/json': {
            schema: page,
            example: { ...SPAN, source: 'database', records: [example], ...LAST },
          },
          'application/x-ndjson': { schema: z.union([line, recordsEnd]), example },
          'text/csv': {},
        },
      },
    },
    problems: [
      ...(['invalid_request', 'too_many_record_reads', 'not_on_this_pbx', 'pbx_forbidden'] as const),
      ...(['pbx_not_possible', 'pbx_unavailable', 'pbx_timeout'] as const),
    ],
  };
}

export const describeRecords: readonly RouteDescription[] = [
  describe('/relay/cdr', 'calls', {
    operationId: 'listCallRecords',
    summary: 'Call detail records of the PBX',
    description: "From the PBX's database, or from XAPI's call log where there is none or it cannot say.",
  }),
  describe('/relay/call-history', 'calls', {
    operationId: 'listCallHistory',
    summary: 'The call history as XAPI has it',
    description: 'From `CallHistoryView`, or from the call log where that view is not fed any more.',
  }),
  describe('/relay/agent-states', 'states', {
    operationId: 'listAgentStates',
    summary: 'What the agents did',
    description: 'From `operator_state_history` of the PBX’s database; no V20 known has it: `not_on_this_pbx`.',
  }),
];
