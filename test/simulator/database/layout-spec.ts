import { AgentStates } from './agent-states.ts';
import { direction, type LastIds, type Layout } from './layout.ts';
import type { BookedSegment } from './segment-log.ts';

export function createSpecLayout(lastIds: LastIds): Layout {
  const agents = new AgentStates(lastIds.operator_state_history ?? 0);
  const lastId = lastIds.cdr_output ?? 0;
  return {
    name: 'spec',
    schema: 'spec.sql',
    cdrTable: 'cdr_output',
    tables: {
      cdr_output: { key: 'id', updated: ['destination_name', 'result'] },
      operator_state_history: { key: 'id', updated: [] },
    },
    rowsOf(booked) {
      const row = outputRow(booked, lastId + booked.n);
      return {
        first: [['cdr_output', { ...row, destination_name: null, result: null }]],
        complete: [
          ['cdr_output', row],
          ...agents.changesOf(booked.segment).map(change => ['operator_state_history', change] as const),
        ],
      };
    },
  };
}

/** The id grows with the end of the segment, not with its appearance: a reader that only looks past the highest id it has seen loses late rows. */
function outputRow({ segment }: BookedSegment, id: number) {
  const { source, destination } = segment;
  return {
    id,
    call_history_id: segment.callHistoryId,
    start_time: timestamp(segment.startedAt),
    answer_time: timestamp(segment.answeredAt),
    end_time: timestamp(segment.endedAt),
    source_dn: source.dnNumber,
    source_number: source.phoneNumber,
    source_name: source.name,
    destination_dn: destination.dnNumber,
    destination_number: destination.phoneNumber,
    destination_name: destination.name,
    did: source.trunkDid || null,
    direction: direction(source.entityType, destination.entityType),
    result: resultOf(segment),
  };
}

function resultOf({ answeredAt, terminationReason, terminationReasonDetails }: BookedSegment['segment']): string {
  if (answeredAt !== null) return 'answered';
  if (terminationReason === 'redirected' || terminationReason === 'continued_in') return 'redirected';
  if (terminationReasonDetails === 'busy') return 'busy';
  return terminationReason === 'rejected' || terminationReason === 'cancelled' ? terminationReason : 'no_answer';
}

function timestamp(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
