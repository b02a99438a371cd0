import type { StateChange } from '@3cx-relay/shared/log/entry.ts';
import { isSameParticipant, type Participant, parseParticipant } from '../pbx/callcontrol/participant.ts';
import { advance, endCall, type Observed, openCall, type Step, wasAnswered } from './advance.ts';
import { type Call, type CallEvent, callIdOf, dnsOf, parseCall } from './call.ts';
import { EndedCalls } from './ended-calls.ts';
import { withoutLeg } from './former-legs.ts';
import { findPredecessor, joinConversation } from './linking.ts';

/**
 * All calls of one PBX. The steps are pure (advance.ts); this class is the index over them: which participant is a leg
 * of which call, and which calls nobody is in any more. It is told the time with every input and owns no timer, so that
 * the same inputs always give the same calls.
 *
 * A call that lost its last leg lives on for the grace: a transfer or a queue refills it with the same callid
 * (3cx.md §1.5). It then ends by `tick`, once. In a queue a caller may wait for minutes before the next phone rings, and
 * nothing shows it (§1.6): where somebody can ask (`asksQueues`), such a call ends by `endInQueue`.
 */
export interface ModelChange {
  readonly events: readonly CallEvent[];
  /** The call as JSON after the change; null when nobody knows which call it was. */
  readonly callJson: string | null;
  /** Another call that the same input changed: the one a leg moved away from. */
  readonly otherCallJson: string | null;
  readonly callId: string | null;
  /** The DN the input was about first, then every other DN that takes part, the queue included: whoever watches one of them wants to know. */
  readonly dns: readonly string[];
  /** True when the input told nothing that was not known. */
  readonly isRepeat: boolean;
  /** The same change for the projection in Redis. */
  readonly state: readonly StateChange[];
}

interface OpenCall {
  call: Call;
  /** Set while nobody is in the call: when the last leg left, where, and whether we saw it. */
  vacant: { since: number; endedAt: number | null; dn: string | null; isReconciled?: boolean } | null;
  /** The participant that was not found and so is taken to have left, until somebody else says so, too. */
  guess: string | null;
}

/** Whose caller may wait on in the queue; `since` says which time it fell empty, Unix ms. */
export interface QueuedCall {
  readonly call: Call;
  readonly since: number;
}

/** What one input did beside the change of the call that it is about. */
interface Effect {
  readonly dn: string;
  readonly events?: readonly CallEvent[];
  readonly isRepeat?: boolean;
  readonly state?: StateChange[];
  readonly otherCallJson?: string | null;
}

export class CallModel {
  readonly #graceMs: number;
  readonly #asksQueues: boolean;
  readonly #participants = new Map<string, Participant>();
  readonly #calls = new Map<number, OpenCall>();
  readonly #vacant = new Set<OpenCall>();
  /** Empty, too, and not to end by the grace. */
  readonly #inQueue = new Set<OpenCall>();
  readonly #ended = new EndedCalls();
  /** Calls that stand empty by a guess; they do not end by the grace. */
  readonly #guessed = new Map<string, OpenCall>();
  #highestParticipantId = 0;
  #highestCallId = 0;
  #lastSightMs = 0;

  constructor(options: { graceMs: number; asksQueues?: boolean }) {
    this.#graceMs = options.graceMs;
    this.#asksQueues = options.asksQueues ?? false;
  }

  /** Takes the projection over from an earlier process. A call found without legs ends when the grace has passed from now. */
  load(
    snapshot: { calls: Readonly<Record<string, string>>; participants: Readonly<Record<string, string>> },
    now: number,
  ): void {
    for (const json of Object.values(snapshot.calls)) {
      const call = parseCall(json);
      if (call) this.#calls.set(call.pbxCallId, { call, vacant: null, guess: null });
    }
    for (const [key, json] of Object.entries(snapshot.participants)) {
      const participant = parseParticipant(parseJson(json), { dn: key.slice(0, key.lastIndexOf('/')) });
      if (participant) this.#remember(participant);
    }
    for (const open of this.#calls.values()) {
      const legs = open.call.legs.filter(leg => this.#participants.has(keyOf({ dn: leg.dn, id: leg.participantId })));
      open.call = { ...open.call, legs };
      if (legs.length === 0) this.#vacate(open, { since: now, endedAt: null, dn: null, isReconciled: true });
    }
  }

  get participants(): ReadonlyMap<string, Participant> {
    return this.#participants;
  }

  get calls(): Iterable<Call> {
    return this.#calls.values().map(open => open.call);
  }

  /** Numbers that a PBX gives once per run: one that comes again means that it was restarted. */
  get highest(): { participantId: number; callId: number } {
    return { participantId: this.#highestParticipantId, callId: this.#highestCallId };
  }

  hasCall(pbxCallId: number): boolean {
    return this.#calls.has(pbxCallId);
  }

  upsert(participant: Participant, seen: Observed): ModelChange {
    const key = keyOf(participant);
    const known = this.#participants.get(key);
    if (known && isSameParticipant(known, participant) && this.#calls.has(known.callid)) {
      return this.#describe(this.#calls.get(known.callid)?.call ?? null, { dn: participant.dn, isRepeat: true });
    }
    const state: StateChange[] = [{ of: 'participants', field: key, value: participant.json }];
    const origin = known && known.callid !== participant.callid ? this.#calls.get(known.callid) : undefined;
    if (known && origin) this.#leave(origin, known, seen);
    this.#remember(participant);

    const open = this.#calls.get(participant.callid);
    const step = open
      ? advance(open.call, participant, { ...seen, hasMoved: origin !== undefined })
      : this.#open(participant, seen);
    const now: OpenCall = open ?? { call: step.call, vacant: null, guess: null };
    now.call = step.call;
    this.#occupy(now);
    if (origin) joinObserved(now, origin);
    this.#calls.set(participant.callid, now);
    const otherCallJson = origin ? JSON.stringify(origin.call) : null;
    if (origin) state.push({ of: 'calls', field: origin.call.callId, value: otherCallJson });
    return this.#describe(now.call, { dn: participant.dn, events: step.events, state, otherCallJson });
  }

  /**
   * `isReconciled`: no frame said so, a snapshot shows it. `endsAtOnce`: without the grace, when the call is long over,
   * except where a queue may be about to ask its next agent. `isGuess`: a GET did not find it, which is how a PBX that
   * stumbles answers, too; the call it was the last of then stays until a Remove or a snapshot agrees.
   */
  remove(
    of: { dn: string; id: number },
    seen: Observed & { isReconciled?: boolean; endsAtOnce?: boolean; isGuess?: boolean },
  ): ModelChange {
    const key = keyOf(of);
    const known = this.#participants.get(key);
    if (!known && seen.isGuess) return this.#guessAgain(key, of.dn);
    if (!known) return this.#agree(key, of.dn, seen);
    this.#participants.delete(key);
    const gone: StateChange = { of: 'participants', field: key, value: null };
    const open = this.#calls.get(known.callid);
    if (!open) return this.#describe(null, { dn: of.dn, state: [gone] });
    this.#leave(open, known, seen);
    if (open.vacant && seen.isGuess) this.#guess(open, key);
    if (open.vacant && seen.endsAtOnce && !isBetweenAgents(open.call)) return this.#end(open, gone);
    return this.#describe(open.call, { dn: of.dn, state: [gone] });
  }

  /** A snapshot was taken: who was not found and is not in it has left. */
  confirmGone(isPresent: (key: string) => boolean, seen: Observed): void {
    for (const key of [...this.#guessed.keys()]) if (!isPresent(key)) this.#confirm(key, seen);
  }

  /** The call that a participant is in, for frames that change nothing: DTMF, a prompt that was played. */
  about(of: { dn: string; id: number }, events: readonly CallEvent[]): ModelChange {
    const known = this.#participants.get(keyOf(of));
    return this.#describe((known && this.#calls.get(known.callid)?.call) ?? null, { dn: of.dn, events });
  }

  /** Unix ms at which `tick` has something to do; null while nothing is due. */
  get nextDue(): number | null {
    // Calls are put in when they fall empty and the grace is the same for all, so the first is the next.
    for (const { vacant } of this.#vacant) if (vacant) return vacant.since + this.#graceMs;
    return null;
  }

  /** Ends what has been empty for the whole grace, the longest empty first. */
  tick(now: number): ModelChange[] {
    const changes: ModelChange[] = [];
    for (const open of this.#vacant) {
      if (!open.vacant) continue;
      // The clock was set back: without this the call would stay open for as long as it was moved.
      if (open.vacant.since > now) open.vacant = { ...open.vacant, since: now };
      if (open.vacant.since + this.#graceMs > now) break;
      changes.push(this.#end(open));
    }
    return changes;
  }

  /** Those that nobody rings for, the longest waiting first. */
  *queued(): Generator<QueuedCall> {
    for (const { call, vacant } of this.#inQueue) if (vacant) yield { call, since: vacant.since };
  }

  /**
   * The caller does not wait any more. `wasElsewhere`: somebody whom we do not see took the call, so that nobody watched
   * its end. Null when an agent rings for it since.
   */
  endInQueue({ call, since }: QueuedCall, { wasElsewhere }: { wasElsewhere: boolean }): ModelChange | null {
    const open = this.#calls.get(call.pbxCallId);
    if (open?.vacant?.since !== since || open.call.callId !== call.callId) return null;
    if (wasElsewhere) open.vacant = { ...open.vacant, endedAt: null, isReconciled: true };
    return this.#end(open);
  }

  #remember(participant: Participant): void {
    this.#participants.set(keyOf(participant), participant);
    this.#highestParticipantId = Math.max(this.#highestParticipantId, participant.id);
    this.#highestCallId = Math.max(this.#highestCallId, participant.callid);
  }

  /** A run of the PBX is over and its numbers begin again. */
  forgetNumbers(): void {
    this.#highestParticipantId = 0;
    this.#highestCallId = 0;
    this.#ended.clear();
  }

  #open(participant: Participant, seen: Observed): Step {
    // Strictly later than any before, so that two calls never share an id, whatever numbers the PBX gives them.
    this.#lastSightMs = Math.max(seen.at, this.#lastSightMs + 1);
    const step = openCall(participant, seen, callIdOf(this.#lastSightMs, participant.callid));
    const before = this.#ended.find(step.call);
    if (before) return { ...step, call: joinConversation(step.call, before, 'observed') };
    if (!seen.isWatched) return step;
    const vacant = this.#vacant.values().map(open => open.call);
    const earlier = findPredecessor(participant, { open: this.calls, vacant });
    return earlier ? { ...step, call: joinConversation(step.call, earlier, 'inferred') } : step;
  }

  #leave(open: OpenCall, leg: Participant, seen: Observed & { isReconciled?: boolean }): void {
    const leftAt = seen.isWatched ? seen.at : null;
    open.call = withoutLeg(open.call, leg, leftAt);
    if (open.call.legs.length > 0) return;
    this.#vacate(open, { since: seen.at, endedAt: leftAt, dn: leg.dn, isReconciled: seen.isReconciled ?? false });
  }

  #occupy(open: OpenCall): void {
    open.vacant = null;
    this.#vacant.delete(open);
    this.#inQueue.delete(open);
    if (open.guess !== null) this.#guessed.delete(open.guess);
    open.guess = null;
  }

  #guess(open: OpenCall, key: string): void {
    this.#vacant.delete(open);
    this.#inQueue.delete(open);
    this.#guessed.set(key, open);
    open.guess = key;
  }

  /** A PBX that stumbles once stumbles twice: that is no second witness. */
  #guessAgain(key: string, dn: string): ModelChange {
    return this.#describe(this.#guessed.get(key)?.call ?? null, { dn, isRepeat: true });
  }

  #confirm(key: string, seen: Observed): OpenCall | null {
    const open = this.#guessed.get(key);
    if (!open?.vacant) return null;
    this.#guessed.delete(key);
    open.guess = null;
    this.#vacate(open, { ...open.vacant, since: seen.at });
    return open;
  }

  /** A Remove of somebody unknown tells nothing, unless it says of a guess that it was right. */
  #agree(key: string, dn: string, seen: Observed): ModelChange {
    const open = this.#confirm(key, seen);
    return this.#describe(open?.call ?? null, { dn, isRepeat: true });
  }

  #vacate(open: OpenCall, vacant: NonNullable<OpenCall['vacant']>): void {
    open.vacant = vacant;
    const isQueued = this.#asksQueues && isBetweenAgents(open.call);
    (isQueued ? this.#inQueue : this.#vacant).add(open);
  }

  #end(open: OpenCall, ...also: StateChange[]): ModelChange {
    const { vacant } = open;
    this.#occupy(open);
    this.#calls.delete(open.call.pbxCallId);
    const { call, events } = endCall(open.call, {
      leftAt: vacant?.endedAt ?? null,
      reason: vacant?.isReconciled ? 'reconciled' : 'left',
    });
    this.#ended.add(call);
    const state: StateChange[] = [...also, { of: 'calls', field: call.callId, value: null }];
    return {
      events,
      callJson: JSON.stringify(call),
      otherCallJson: null,
      callId: call.callId,
      dns: dnsOf(open.call, vacant?.dn ?? null),
      isRepeat: false,
      state,
    };
  }

  #describe(call: Call | null, what: Effect): ModelChange {
    const callJson = call && JSON.stringify(call);
    const state = what.state ?? [];
    const isKnown = call !== null && state.some(change => change.field === call.callId);
    if (call && callJson && state.length > 0 && !isKnown) {
      state.push({ of: 'calls', field: call.callId, value: callJson });
    }
    return {
      events: what.events && what.events.length > 0 ? what.events : ['call.updated'],
      callJson,
      otherCallJson: what.otherCallJson ?? null,
      callId: call?.callId ?? null,
      dns: dnsOf(call, what.dn),
      isRepeat: what.isRepeat ?? false,
      state,
    };
  }
}

/** A queue lets nobody ring for a moment before it asks the next agent. */
function isBetweenAgents(call: Call): boolean {
  return call.via?.type === 'queue' && !wasAnswered(call);
}

/** A leg was seen to move: whichever of the two calls is the younger belongs to the other's conversation. */
function joinObserved(to: OpenCall, from: OpenCall): void {
  if (to.call.callId <= from.call.callId) from.call = joinConversation(from.call, to.call, 'observed');
  else to.call = joinConversation(to.call, from.call, 'observed');
}

export function keyOf(of: { dn: string; id: number }): string {
  return `${of.dn}/${of.id}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
