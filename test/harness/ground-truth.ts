import type { LoggedEntry } from './ledger.ts';
import type { System } from './system.ts';

/** What the simulator says of a call that is over: see its README. Times are Unix ms. */
export type PlayedCall = {
  n: number;
  run: number;
  callid: number;
  scenario: string;
  dn: string;
  number: string;
  direction: string;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number;
  disposition: string;
  cut: boolean;
  callHistoryId: string | null;
};

/** A call as the log's entries tell it, from its first to its last. */
export type ToldCall = {
  callId: string;
  pbxCallId: number | null;
  startedAt: string | null;
  disposition: string | null;
  direction: string | null;
  cdr: { callHistoryId: string } | null;
};

export type Told = {
  /** Of each call its latest state. */
  calls: ReadonlyMap<string, ToldCall>;
  /** How often each call was told to have ended. */
  ends: ReadonlyMap<string, number>;
  /** What `GET /relay/active-calls` must show: the fold of all entries. */
  open: ReadonlyMap<string, unknown>;
};

export async function callsPlayed(system: System): Promise<PlayedCall[]> {
  const calls: PlayedCall[] = [];
  let after = 0;
  for (;;) {
    const page = await system.sim<{ calls: PlayedCall[]; next: number }>('GET', `/sim/calls?after=${after}`);
    if (page.calls.length === 0) return calls;
    calls.push(...page.calls);
    after = page.next;
  }
}

type Body = { event: string; events?: string[]; call: ToldCall | null; otherCalls?: ToldCall[] };

/** Reads the log as a client would who keeps nothing but what the entries say. */
export function foldEntries(entries: readonly LoggedEntry[]): Told {
  const calls = new Map<string, ToldCall>();
  const ends = new Map<string, number>();
  const open = new Map<string, unknown>();
  for (const entry of entries) {
    if (entry.type !== 'call_event') continue;
    const body = JSON.parse(entry.body) as Body;
    for (const call of [...(body.otherCalls ?? []), ...(body.call ? [body.call] : [])]) {
      calls.set(call.callId, call);
      if ((call as { state?: string }).state === 'ended') open.delete(call.callId);
      else open.set(call.callId, call);
    }
    if (body.call && (body.events ?? [body.event]).includes('call.ended')) {
      ends.set(body.call.callId, (ends.get(body.call.callId) ?? 0) + 1);
    }
  }
  return { calls, ends, open };
}

export type Verdict = {
  played: number;
  /** Calls of which the log has exactly one. */
  found: number;
  /** Calls that the log does not know. */
  lost: PlayedCall[];
  /** With another disposition than what really happened. */
  wrong: { call: PlayedCall; told: ToldCall }[];
  /** That nobody played: doubled or invented. */
  invented: ToldCall[];
};

/** How far the relay's first sight of a call may be from its start: the way of a frame, and its entity's. */
const SAME_START_MS = 3_000;

/** Finds for each call that was played the one that was told: by its records where they were found, else by number and time. */
export function judge(played: readonly PlayedCall[], told: Told): Verdict {
  const left = new Map(told.calls);
  const verdict: Verdict = { played: played.length, found: 0, lost: [], wrong: [], invented: [] };
  const byRecord = new Map([...told.calls.values()].map(call => [call.cdr?.callHistoryId ?? call.callId, call]));
  const rest: PlayedCall[] = [];
  const settle = (call: PlayedCall, found: ToldCall) => {
    left.delete(found.callId);
    verdict.found += 1;
    if (found.disposition !== call.disposition) verdict.wrong.push({ call, told: found });
  };
  for (const call of played) {
    const found = call.callHistoryId === null ? undefined : byRecord.get(call.callHistoryId);
    if (found && left.has(found.callId)) settle(call, found);
    else rest.push(call);
  }
  for (const call of rest) {
    const found = nearest(call, left.values());
    if (found) settle(call, found);
    else verdict.lost.push(call);
  }
  verdict.invented = [...left.values()];
  return verdict;
}

function nearest(call: PlayedCall, told: Iterable<ToldCall>): ToldCall | undefined {
  let best: { told: ToldCall; distance: number } | undefined;
  for (const each of told) {
    if (each.pbxCallId !== call.callid) continue;
    // The call id begins with the moment of the first sight, which for a call that goes on over an outage is later.
    const seenAt = Number.parseInt(each.callId.slice(0, 8), 36);
    if (seenAt < call.startedAt - SAME_START_MS || seenAt > call.endedAt + SAME_START_MS) continue;
    const distance = Math.abs(seenAt - call.startedAt);
    if (!best || distance < best.distance) best = { told: each, distance };
  }
  return best?.told;
}
