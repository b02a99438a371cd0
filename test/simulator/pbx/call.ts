import type { CallHistory, OpenSegment } from './call-history.ts';
import type { Participant } from './participant.ts';

export const SCENARIOS = [
  'inbound',
  'missed',
  'outbound',
  'busy',
  'failed',
  'internal',
  'queue',
  'ringGroup',
  'transfer',
  'consult',
  'dtmf',
  'prompt',
] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Everything that chance decides about a call is decided before it starts, so a script itself is reproducible. */
export type CallPlan = {
  scenario: ScenarioName;
  /** Whose call it is: the called or calling extension, the agent who answers, the route point of a prompt. */
  dn: string;
  /** The outside number, or for an internal call the extension that is called. */
  number: string;
  /** Before the first phone rings, which call control does not show: in a menu, or in the queue. */
  waitMs: number;
  /** Of a queue: of each round. */
  ringMs: number;
  talkMs: number;
  answered: boolean;
  /** The queue or ring group that hands the call on. */
  distributor: string | null;
  /** Whom it rings. */
  agents: readonly string[];
  /** On the phone already: the queue polls them too, which shows in the CDR only. */
  busyAgents: readonly string[];
  /** Rounds of polling that nobody answers before the last one. */
  rounds: number;
  /** Between two of them, while all agents are on the phone: nobody rings, and call control shows nothing at all. */
  pauseMs: number;
  /** When one answers, the others are removed before, not after, that one is shown as connected. */
  removeFirst: boolean;
  transferTo: string | null;
  transferAnswered: boolean;
  /** Keys pressed while talking. */
  digits: string;
  /** Polling rows of this call in the CDR, more than there were frames. */
  segments: number;
};

/** What somebody does to a call while its script waits: the REST actions of call control. */
export type Signal =
  | { kind: 'answer'; participantId: number }
  /** Null: the party outside hangs up. */
  | { kind: 'hangup'; participantId: number | null }
  | { kind: 'redirect'; participantId: number; destination: string };

/** `missed` is unanswered when called directly or by a ring group, `abandoned` in a queue, `cancelled` our own call given up. */
export type Disposition = 'answered' | 'missed' | 'abandoned' | 'busy' | 'cancelled' | 'failed';
export type TargetOutcome = 'answered' | 'answered_elsewhere' | 'missed';

export type Call = {
  callid: number;
  plan: CallPlan;
  did: string | null;
  legs: Participant[];
  lastLegId: number;
  startedAt: number;
  answeredAt: number | null;
  /** Why nobody answered, when the scenario says so. */
  failure: 'abandoned' | 'busy' | 'failed' | null;
  transferredTo: string | null;
  targets: Map<string, TargetOutcome>;
  history: CallHistory;
  /** The open segment between the two who talk, or may come to. */
  segment: OpenSegment | null;
  /** Shared by the calls of one script: a consultation is acted on through either of its two callids. */
  inbox: { signal: Signal | null };
};

/** The PBX's own account of a finished call: what a relay's call model is measured against. Times are Unix ms. */
export type CallRecord = {
  n: number;
  /** Restarts of the PBX so far: `callid` is unique within one run only. */
  run: number;
  callid: number;
  scenario: ScenarioName;
  direction: 'inbound' | 'outbound' | 'internal';
  dn: string;
  number: string;
  did: string | null;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number;
  disposition: Disposition;
  /** The service restarted in the middle of it. */
  cut: boolean;
  /** Null for a call of a burst without CDR. */
  callHistoryId: string | null;
  mainCallHistoryId: string | null;
  /** Who has the call after the last transfer. */
  transferredTo: string | null;
  queue: string | null;
  ringGroup: string | null;
  /** Extensions that were rung. */
  targets: Record<string, TargetOutcome>;
};

const DIRECTIONS: Partial<Record<ScenarioName, CallRecord['direction']>> = {
  outbound: 'outbound',
  busy: 'outbound',
  failed: 'outbound',
  internal: 'internal',
};

export function directionOf(scenario: ScenarioName): CallRecord['direction'] {
  return DIRECTIONS[scenario] ?? 'inbound';
}

export function dispositionOf(call: Call, cut: boolean): Disposition {
  if (call.answeredAt !== null) return 'answered';
  if (cut) return 'failed';
  if (call.failure !== null) return call.failure;
  return directionOf(call.plan.scenario) === 'outbound' ? 'cancelled' : 'missed';
}
