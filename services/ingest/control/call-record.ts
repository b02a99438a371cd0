import type { CallRecord, RecordSource } from '@3cx-relay/shared/wire/records.ts';
import type { CdrEnd, CdrSegment } from '../pbx/cdr.ts';

/** A segment as clients see it. */
export function toCallRecord(
  source: RecordSource,
  {
    callHistoryId,
    mainCallHistoryId,
    segment,
  }: { callHistoryId: string | null; mainCallHistoryId: string | null; segment: CdrSegment },
): CallRecord {
  return {
    source,
    callHistoryId,
    mainCallHistoryId,
    cdrId: segment.cdrId,
    startedAt: new Date(segment.startedAt).toISOString(),
    answeredAt: isoOf(segment.answeredAt),
    endedAt: isoOf(segment.endedAt),
    caller: toParty(segment.source),
    callee: toParty(segment.destination),
    creationMethod: segment.creationMethod,
    creationForwardReason: segment.creationForwardReason,
    terminationReason: segment.terminationReason,
    terminationReasonDetails: segment.terminationReasonDetails,
  };
}

function toParty({ entityType, dn, name, number, did }: CdrEnd) {
  return { type: entityType, dn, name, number, did };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
