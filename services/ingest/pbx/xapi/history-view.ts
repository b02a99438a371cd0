import type { CdrEnd, RecordedSegment } from '../cdr.ts';
import { booleanOf, durationOf, instantOf, type ODataRow, textOf } from './odata-fields.ts';

/**
 * A row of CallHistoryView as a segment. The view knows no id of the call, no DID and no reasons; of the types of its
 * parties only whether one is outside is documented.
 */
export function parseHistoryViewRow(row: ODataRow): RecordedSegment | null {
  const startedAt = instantOf(row, 'SegmentStartTime');
  const segmentId = textOf(row, 'SegmentId');
  if (startedAt === null || segmentId === null) return null;
  const endedAt = instantOf(row, 'SegmentEndTime');
  const talkedMs = durationOf(row, 'CallTime');
  const isAnswered = booleanOf(row, 'CallAnswered') === true && endedAt !== null && talkedMs !== null;
  return {
    callHistoryId: null,
    mainCallHistoryId: null,
    segment: {
      cdrId: segmentId,
      startedAt,
      answeredAt: isAnswered ? Math.max(startedAt, endedAt - talkedMs) : null,
      endedAt,
      source: endOf(row, 'Src'),
      destination: endOf(row, 'Dst'),
      creationMethod: null,
      creationForwardReason: null,
      terminationReason: null,
      terminationReasonDetails: null,
    },
  };
}

function endOf(row: ODataRow, side: 'Src' | 'Dst'): CdrEnd {
  const dn = textOf(row, `${side}Dn`);
  const number = textOf(row, `${side}CallerNumber`);
  return {
    entityType: booleanOf(row, `${side}External`) === true ? 'external_line' : null,
    dn,
    name: textOf(row, `${side}DisplayName`),
    // Of an extension the number is its DN once more.
    number: number === dn ? null : number,
    did: null,
  };
}
