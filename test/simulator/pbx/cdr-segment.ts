/**
 * One segment of a call as the PBX books it: a row of `cdroutput` (3cx.md §3.2), a row of the call log in XAPI. The
 * engine hands each one out when it has ended; who shows it, and how late, is the database's and XAPI's affair.
 * Times are Unix ms, ids have the FILETIME shape of real ones.
 */
export type CdrSegment = {
  cdrId: string;
  /** Groups the segments of one call. */
  callHistoryId: string;
  /** Joins calls that a transfer linked; the call's own id otherwise. */
  mainCallHistoryId: string;
  baseCdrId: string | null;
  originatingCdrId: string | null;
  continuedInCdrId: string | null;
  source: CdrParty;
  destination: CdrParty;
  creationMethod: 'call_init' | 'divert' | 'transfer' | 'route_to' | 'join';
  creationForwardReason: string;
  terminationReason: string;
  terminationReasonDetails: string;
  terminatedByParticipantId: string | null;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number;
};

export type CdrParty = {
  participantId: string;
  /** extension, external_line, queue, script, ring_group_ring_all, inbound_routing, outbound_rule, voicemail, … */
  entityType: string;
  dnNumber: string;
  dnType: string;
  dnName: string;
  name: string;
  phoneNumber: string;
  /** The called number of the trunk; empty for anything else. */
  trunkDid: string;
  isIncoming: boolean;
  isAlreadyConnected: boolean;
};
