import type { Participant } from './participant.ts';

export const SCENARIOS = ['inbound', 'missed', 'outbound', 'internal'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Everything that chance decides about a call is decided before it starts, so a script itself is reproducible. */
export type CallPlan = {
  scenario: ScenarioName;
  dn: string;
  /** The outside number, or for an internal call the extension that is called. */
  number: string;
  ringMs: number;
  talkMs: number;
  answered: boolean;
};

/** What somebody does to a call while its script waits: the REST actions of call control. */
export type Signal =
  | { kind: 'answer'; participantId: number }
  | { kind: 'hangup'; participantId: number | null }
  | { kind: 'redirect'; participantId: number; destination: string };

export type Disposition = 'answered' | 'missed' | 'cancelled' | 'failed';

export type Call = {
  callid: number;
  plan: CallPlan;
  legs: Participant[];
  lastLegId: number;
  startedAt: number;
  answeredAt: number | null;
  mail: Signal | null;
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
};

export function directionOf(scenario: ScenarioName): CallRecord['direction'] {
  return scenario === 'missed' ? 'inbound' : scenario;
}

export function dispositionOf(call: Call): Disposition {
  if (call.answeredAt !== null) return 'answered';
  return call.plan.scenario === 'outbound' ? 'cancelled' : 'missed';
}
