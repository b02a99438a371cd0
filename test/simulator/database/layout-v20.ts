import type { CdrParty } from '../pbx/cdr-segment.ts';
import type { Layout, RowsByTable } from './layout.ts';
import type { BookedSegment } from './segment-log.ts';

const DEFAULT_GROUP = '__DEFAULT__';
/** One answered call in so many was recorded. */
const RECORDED_EVERY = 5;

export function createV20Layout(): Layout {
  return {
    name: 'v20',
    schema: 'v20.sql',
    cdrTable: 'cdroutput',
    tables: {
      cdroutput: { key: 'cdr_id', updated: ['main_call_history_id', 'continued_in_cdr_id', 'processed'] },
      cdrbilling: { key: 'cdr_id', updated: [] },
      cdrrecordings: { key: 'cdr_id', updated: [] },
    },
    rowsOf(booked) {
      const row = outputRow(booked);
      const { segment } = booked;
      return {
        // What is only known once the call has gone on: where to, and with which other call it is joined.
        first: [
          [
            'cdroutput',
            { ...row, main_call_history_id: segment.callHistoryId, continued_in_cdr_id: null, processed: false },
          ],
        ],
        complete: [['cdroutput', row], ...extras(booked)],
      };
    },
  };
}

function outputRow({ segment }: BookedSegment) {
  return {
    cdr_id: segment.cdrId,
    call_history_id: segment.callHistoryId,
    main_call_history_id: segment.mainCallHistoryId,
    base_cdr_id: segment.baseCdrId,
    originating_cdr_id: segment.originatingCdrId,
    continued_in_cdr_id: segment.continuedInCdrId,
    ...partyColumns('source', segment.source),
    ...partyColumns('destination', segment.destination),
    creation_method: segment.creationMethod,
    creation_forward_reason: segment.creationForwardReason,
    termination_reason: segment.terminationReason,
    termination_reason_details: segment.terminationReasonDetails,
    terminated_by_participant_id: segment.terminatedByParticipantId,
    cdr_started_at: timestamp(segment.startedAt),
    cdr_answered_at: timestamp(segment.answeredAt),
    cdr_ended_at: timestamp(segment.endedAt),
    processed: true,
    migrated: false,
    source_presentation: [segment.source.name, segment.source.trunkDid].filter(Boolean).join(':'),
    offload_id: null,
  };
}

function partyColumns(side: 'source' | 'destination', party: CdrParty) {
  return {
    [`${side}_participant_id`]: party.participantId,
    [`${side}_entity_type`]: party.entityType,
    [`${side}_dn_number`]: party.dnNumber,
    [`${side}_dn_type`]: party.dnType,
    [`${side}_dn_name`]: party.dnName,
    [`${side}_participant_name`]: party.name,
    [`${side}_participant_phone_number`]: party.phoneNumber,
    [`${side}_participant_trunk_did`]: party.trunkDid,
    [`${side}_participant_is_incoming`]: party.isIncoming,
    [`${side}_participant_is_already_connected`]: party.isAlreadyConnected,
    [`${side}_participant_group_name`]: DEFAULT_GROUP,
    [`${side}_participant_billing_suffix`]: '',
  };
}

function extras({ n, segment }: BookedSegment): RowsByTable {
  const { cdrId: cdr_id, answeredAt, endedAt, source, destination } = segment;
  if (answeredAt === null) return [];
  const isOutbound = destination.entityType === 'external_line';
  const billed = {
    bill_code: '',
    bill_rate_name: '',
    bill_rate: 0,
    bill_duration: `${(endedAt - answeredAt) / 1000} s`,
  };
  const onSide = (side: string) =>
    Object.fromEntries(Object.entries(billed).map(([key, value]) => [`${side}_${key}`, value]));
  const recorded = destination.entityType === 'extension' ? destination : source;
  return [
    ...(isOutbound || source.entityType === 'external_line'
      ? [['cdrbilling', { cdr_id, ...onSide(isOutbound ? 'destination' : 'source'), migrated: false }] as const]
      : []),
    ...(recorded.entityType === 'extension' && n % RECORDED_EVERY === 0
      ? [
          [
            'cdrrecordings',
            {
              cdr_id,
              cdr_participant_id: recorded.participantId,
              recording_url: `${recorded.dnNumber}/[${recorded.name}]_${recorded.dnNumber}_${timestamp(answeredAt)}(${n}).wav`,
            },
          ] as const,
        ]
      : []),
  ];
}

function timestamp(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
