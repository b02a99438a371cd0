import type { Call, Leg } from '@3cx-relay/shared/wire/call.ts';
import type { CallEventMessage } from '@3cx-relay/shared/wire/call-event.ts';

/** One status of a leg, from when to when; `to` is null while it lasts. Unix ms. */
export interface LaneSpan {
  readonly status: string;
  readonly from: number;
  readonly to: number | null;
}

/** One extension's part in a call: from when it came to when it left. */
export interface Lane {
  readonly key: string;
  readonly dn: string;
  /** The number it showed for the other side. */
  readonly party: string | null;
  readonly spans: readonly LaneSpan[];
  readonly outcome: string | null;
}

interface OpenLane {
  readonly dn: string;
  party: string | null;
  readonly spans: { status: string; from: number; to: number | null }[];
  outcome: string | null;
}

/**
 * Who was in a call and how, in the order in which they came: each event tells the legs of its moment, and what differs
 * from the event before began or ended then. Who came and left between two events is known from its leaving alone, and
 * has a lane without spans.
 */
export function toLanes(events: readonly Pick<CallEventMessage, 'at' | 'call'>[]): Lane[] {
  const lanes = new Map<string, OpenLane>();
  for (const { at, call } of events) {
    if (call) takeLegs(lanes, call, Date.parse(at));
  }
  return [...lanes].map(([key, lane]) => ({ key, ...lane }));
}

function takeLegs(lanes: Map<string, OpenLane>, call: Call, at: number): void {
  const present = new Set<string>();
  for (const leg of call.legs) {
    const key = `${leg.dn}:${leg.participantId}`;
    present.add(key);
    takeLeg(laneOf(lanes, key, leg.dn), leg);
  }
  for (const { dn, participantId, party, leftAt, outcome } of call.formerLegs) {
    const lane = laneOf(lanes, `${dn}:${participantId}`, dn);
    lane.party ??= party;
    lane.outcome = outcome ?? lane.outcome;
    close(lane, leftAt === null ? at : Date.parse(leftAt));
  }
  // The oldest of those who left are not listed any more.
  for (const [key, lane] of lanes) if (!present.has(key)) close(lane, at);
}

function laneOf(lanes: Map<string, OpenLane>, key: string, dn: string): OpenLane {
  const lane = lanes.get(key) ?? { dn, party: null, spans: [], outcome: null };
  lanes.set(key, lane);
  return lane;
}

function takeLeg(lane: OpenLane, { status, since, party }: Leg): void {
  lane.party = party ?? lane.party;
  const last = lane.spans.at(-1);
  if (last?.to === null && last.status === status) return;
  const from = Date.parse(since);
  close(lane, from);
  lane.spans.push({ status, from, to: null });
}

function close(lane: OpenLane, at: number): void {
  const last = lane.spans.at(-1);
  if (last?.to === null) last.to = Math.max(last.from, at);
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400];
const MOST_TICKS = 8;

/** Round offsets from the begin of a call, in ms, for its axis. */
export function ticksOf(durationMs: number): number[] {
  const step = (STEPS_S.find(seconds => durationMs / (seconds * 1000) <= MOST_TICKS) ?? 86_400) * 1000;
  return Array.from({ length: Math.floor(durationMs / step) + 1 }, (_, place) => place * step);
}
