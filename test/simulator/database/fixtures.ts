import { randomBytes } from 'node:crypto';
import type { CdrParty, CdrSegment } from '../pbx/cdr-segment.ts';

let last = 0;

/** Shaped like the real ones, `00000000-01dc-688a-…` (3cx.md §3.2), different on every call. */
export function someId(): string {
  return `00000000-01dc-688a-2607-${(++last).toString(16).padStart(12, '0')}`;
}

export function outsideParty(number = '+442079460123', did = '+493023125900'): CdrParty {
  return {
    participantId: someId(),
    entityType: 'external_line',
    dnNumber: '10007',
    dnType: 'provider',
    dnName: 'SIP trunk',
    name: number,
    phoneNumber: number,
    trunkDid: did,
    isIncoming: true,
    isAlreadyConnected: false,
  };
}

export function insideParty(dn: string, name = `Extension ${dn}`): CdrParty {
  return {
    participantId: someId(),
    entityType: 'extension',
    dnNumber: dn,
    dnType: 'extension',
    dnName: name,
    name,
    phoneNumber: dn,
    trunkDid: '',
    isIncoming: false,
    isAlreadyConnected: false,
  };
}

export function queueParty(dn = '800', name = 'Queue 1'): CdrParty {
  return { ...insideParty(dn, name), entityType: 'queue', dnType: 'queue' };
}

/** An answered call from outside to 101 unless told: 4 s ringing, 10 s talking. */
export function segmentOf(change: Partial<CdrSegment> = {}): CdrSegment {
  const callHistoryId = change.callHistoryId ?? someId();
  const startedAt = change.startedAt ?? Date.UTC(2026, 0, 5, 9);
  return {
    cdrId: someId(),
    callHistoryId,
    mainCallHistoryId: callHistoryId,
    baseCdrId: null,
    originatingCdrId: null,
    continuedInCdrId: null,
    source: outsideParty(),
    destination: insideParty('101'),
    creationMethod: 'call_init',
    creationForwardReason: 'none',
    terminationReason: 'src_participant_terminated',
    terminationReasonDetails: 'none',
    terminatedByParticipantId: null,
    startedAt,
    answeredAt: startedAt + 4000,
    endedAt: startedAt + 14_000,
    ...change,
  };
}

/** Roles and databases belong to the whole server, which other tests use at the same time. */
export function uniqueDatabaseName(): string {
  return `database_${randomBytes(6).toString('hex')}`;
}
