import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { RecordCursor, RecordPageRequest } from '@3cx-relay/shared/jobs/record-page.ts';
import type { AgentStateRecord, CallRecord, RecordSource } from '@3cx-relay/shared/wire/records.ts';
import { toldByPbx } from '../pbx-refusal.ts';
import type { CsvValue } from './csv.ts';
import { agentStatesQuery, callRecordsQuery } from './records-query.ts';

/** What one route of records differs in from the others. */
export interface RecordKind<Record> {
  /** Of the route and of the file. */
  readonly name: string;
  readonly query: typeof callRecordsQuery | typeof agentStatesQuery;
  /** Whose cursors it takes. */
  readonly readers: readonly RecordCursor['reader'][];
  readonly columns: readonly (readonly [name: string, value: (record: Record) => CsvValue])[];
  /** Who takes part in a record. */
  readonly dnsOf: (record: Record) => readonly (string | null)[];
  /** @throws ProblemError */
  readonly ask: (queue: RecordQueue, request: RecordPageRequest, timeoutMs: number) => Promise<RecordPage<Record>>;
}

export type RecordQueue = Pick<JobQueue<'pbx'>, 'run'>;

export interface RecordPage<Record> {
  readonly source: RecordSource;
  readonly records: readonly Record[];
  readonly next: RecordCursor | null;
}

const CALL_FIELDS = [
  'source',
  'callHistoryId',
  'mainCallHistoryId',
  'cdrId',
  'startedAt',
  'answeredAt',
  'endedAt',
] as const;
const PARTIES = ['caller', 'callee'] as const;
const PARTY_FIELDS = ['type', 'dn', 'name', 'number', 'did'] as const;
const REASONS = ['creationMethod', 'creationForwardReason', 'terminationReason', 'terminationReasonDetails'] as const;
const STATE_FIELDS = ['source', 'at', 'dn', 'state', 'queueDn'] as const;

/** A party's fields stand beside the others: `callerDn`, `calleeNumber`. */
const CALL_COLUMNS: RecordKind<CallRecord>['columns'] = [
  ...CALL_FIELDS.map(field => [field, (record: CallRecord) => record[field]] as const),
  ...PARTIES.flatMap(party =>
    PARTY_FIELDS.map(
      field =>
        [`${party}${field[0]?.toUpperCase()}${field.slice(1)}`, (record: CallRecord) => record[party][field]] as const,
    ),
  ),
  ...REASONS.map(field => [field, (record: CallRecord) => record[field]] as const),
];

function callRecords(kind: 'cdr' | 'call-history', readers: RecordKind<CallRecord>['readers']): RecordKind<CallRecord> {
  return {
    name: kind,
    query: callRecordsQuery,
    readers,
    columns: CALL_COLUMNS,
    dnsOf: ({ caller, callee }) => [caller.dn, callee.dn],
    ask: async (queue, request, timeoutMs) =>
      toldByPbx(await queue.run('call-records', { kind, ...request }, { timeoutMs, takesAway: true })),
  };
}

export const CDR = callRecords('cdr', ['database', 'call-log']);

export const CALL_HISTORY = callRecords('call-history', ['view', 'call-log']);

export const AGENT_STATES: RecordKind<AgentStateRecord> = {
  name: 'agent-states',
  query: agentStatesQuery,
  readers: ['database'],
  columns: STATE_FIELDS.map(field => [field, record => record[field]] as const),
  dnsOf: ({ dn }) => [dn],
  ask: async (queue, request, timeoutMs) =>
    toldByPbx(await queue.run('agent-states', request, { timeoutMs, takesAway: true })),
};
