/**
 * Call detail records, normalised over the layouts of the PBX's database and over XAPI's call log. What a source does
 * not tell is null. Times are Unix ms.
 */
export interface CdrEnd {
  /** extension, external_line, queue, ring_group_…, inbound_routing, outbound_rule, voicemail, script, ivr, … */
  readonly entityType: string | null;
  readonly dn: string | null;
  readonly name: string | null;
  /** Telephone number of an outside party. */
  readonly number: string | null;
  /** The called number of the trunk. */
  readonly did: string | null;
}

export interface CdrSegment {
  readonly cdrId: string;
  readonly startedAt: number;
  /** Null: nobody answered this segment. */
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly source: CdrEnd;
  readonly destination: CdrEnd;
  /** call_init, divert, transfer, route_to, … (3cx.md §3.2). */
  readonly creationMethod: string | null;
  readonly creationForwardReason: string | null;
  /** src_participant_terminated, dst_participant_terminated, continued_in, cancelled, redirected, rejected, no_route, … */
  readonly terminationReason: string | null;
  /** completed_elsewhere, busy, no_answer, declined, … */
  readonly terminationReasonDetails: string | null;
}

/** A segment by itself, as lists of them are read. */
export interface RecordedSegment {
  /** Null where the source does not say which call it was. */
  readonly callHistoryId: string | null;
  readonly mainCallHistoryId: string | null;
  readonly segment: CdrSegment;
}

/** One call with its chain of segments, the earliest first. */
export interface CdrCall {
  readonly callHistoryId: string;
  /** Joins calls that a transfer linked. */
  readonly mainCallHistoryId: string | null;
  readonly segments: readonly CdrSegment[];
  /** True when the chain was longer than the reader's limit and its later part is missing. */
  readonly isTruncated: boolean;
}

/** Where call detail records can be asked for: the PBX's database, or XAPI where there is none. */
export interface CdrSource {
  /** Calls of which a segment started in the span, in order of their first segment. @throws OperatorError when it cannot say. */
  queryCDR(start: Date, end: Date): AsyncIterable<CdrCall>;
}
