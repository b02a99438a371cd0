import { keyOf } from '../call-model/call-model.ts';
import { phaseOfStatus } from '../call-model/transitions.ts';
import type { CallControlSnapshot } from '../pbx/callcontrol/callcontrol-api.ts';
import { isSameParticipant, type Participant } from '../pbx/callcontrol/participant.ts';

/**
 * What a snapshot of the PBX tells that the model does not know yet, as steps in the order in which they must be taken.
 *
 * Arrivals come before departures: a call that was handed on while nobody watched then never stands empty. After a
 * restart of the PBX it is the other way round, because its numbers begin again and a new call must not be taken for
 * the old one that had the same number.
 */
export type Difference =
  | { readonly kind: 'upsert'; readonly participant: Participant }
  | { readonly kind: 'remove'; readonly dn: string; readonly id: number };

export interface KnownState {
  readonly participants: ReadonlyMap<string, Participant>;
  readonly highest: { readonly participantId: number; readonly callId: number };
  hasCall(pbxCallId: number): boolean;
}

export interface Differences {
  readonly steps: readonly Difference[];
  /** The numbers of the PBX began again since we last looked. */
  readonly isRestart: boolean;
}

/** `isAfterGap`: nobody watched before this snapshot. `touched`: participants that frames tell more recently about. */
export function findDifferences(
  known: KnownState,
  snapshot: CallControlSnapshot,
  context: { isAfterGap: boolean; touched: ReadonlySet<string> },
): Differences {
  const present = new Map(snapshot.participants.map(participant => [keyOf(participant), participant]));
  const isRestart = context.isAfterGap && isNewRun(known, present);
  const upserts: Difference[] = [];
  const removes: Difference[] = [];
  for (const [key, participant] of present) {
    if (context.touched.has(key)) continue;
    const before = known.participants.get(key);
    if (isRestart || !before || !isSameParticipant(before, participant)) {
      upserts.push({ kind: 'upsert', participant });
    }
  }
  for (const [key, { dn, id }] of known.participants) {
    if (context.touched.has(key)) continue;
    if (isRestart || !present.has(key)) removes.push({ kind: 'remove', dn, id });
  }
  return { steps: isRestart ? [...removes, ...upserts] : [...upserts, ...removes], isRestart };
}

/**
 * Participant and call numbers only grow within one run of the PBX (3cx.md §1.5). A number that was given before speaks
 * for a restart, but frames may have been missed, or a leg moved to the call it was consulted about. One leg that goes
 * on with the same numbers and the same people settles it: no restart leaves one.
 */
function isNewRun(known: KnownState, present: ReadonlyMap<string, Participant>): boolean {
  // Nobody is left to compare with: whatever comes may have any number.
  if (present.size === 0) return true;
  let isContradicted = false;
  let exchanged = 0;
  for (const [key, participant] of present) {
    const before = known.participants.get(key);
    if (before && isGoingOn(before, participant)) return false;
    isContradicted ||= before ? !isSameLeg(known, before, participant) : isNumberReused(known, participant);
    if (before?.callid === participant.callid) exchanged += 1;
  }
  // One leg may have got another party by a transfer; that all of them did is a restart.
  return isContradicted || exchanged > 1;
}

function isGoingOn(before: Participant, now: Participant): boolean {
  return (
    before.callid === now.callid &&
    before.legid === now.legid &&
    before.partyDn === now.partyDn &&
    before.partyCallerId === now.partyCallerId &&
    !hasGoneBack(before, now)
  );
}

function hasGoneBack(before: Participant, now: Participant): boolean {
  return phaseOfStatus(before.status) === 'connected' && phaseOfStatus(now.status) !== 'connected';
}

function isSameLeg(known: KnownState, before: Participant, now: Participant): boolean {
  if (before.callid !== now.callid) return now.callid > before.callid || known.hasCall(now.callid);
  if (before.legid !== now.legid) return false;
  const isSameParty = before.partyDn === now.partyDn || before.partyCallerId === now.partyCallerId;
  return isSameParty && !hasGoneBack(before, now);
}

function isNumberReused(known: KnownState, participant: Participant): boolean {
  return (
    participant.id <= known.highest.participantId &&
    participant.callid <= known.highest.callId &&
    !known.hasCall(participant.callid)
  );
}
