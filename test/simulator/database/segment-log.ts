import type { CdrSegment } from '../pbx/cdr-segment.ts';
import type { Clock } from '../pbx/clock.ts';
import type { Random } from '../pbx/random.ts';

/**
 * Every segment the PBX booked, in the order it handed them out: what the call log of XAPI and the CDR database show,
 * and what a reader of either is checked against.
 *
 * When a row of a real 3CX becomes visible is unknown (3cx.md §3.2, §7), so each segment draws how late it appears and
 * whether it is complete by then. XAPI and the database go by the same times, because in reality the one reads the other.
 */
export type BookedSegment = {
  n: number;
  /** Small numbers as XAPI shows them: CallId, and SegmentId within the call. */
  callId: number;
  segmentId: number;
  segment: CdrSegment;
  visibleAt: number;
  /** Until then the row lacks what the PBX fills in last. Equal to `visibleAt` for most rows. */
  completeAt: number;
};

export type Lateness = { minMs: number; maxMs: number; updatedShare: number };

type LogDeps = { clock: Clock; random: Random; onBooked?: (booked: BookedSegment) => void };

const MAX_SEGMENTS = 200_000;
const TRIM_STEP = 20_000;
const MAX_OPEN_CALLS = 20_000;

export class SegmentLog {
  lateness: Lateness;
  readonly #deps: LogDeps;
  readonly #calls = new Map<string, { callId: number; segments: number }>();
  #booked: BookedSegment[] = [];
  #lastN = 0;
  #lastCallId = 0;

  constructor(deps: LogDeps, lateness: Partial<Lateness> = {}) {
    this.#deps = deps;
    this.lateness = { minMs: 0, maxMs: 3000, updatedShare: 0.2, ...lateness };
  }

  add(segment: CdrSegment): void {
    const { clock, random, onBooked } = this.#deps;
    const { minMs, maxMs, updatedShare } = this.lateness;
    const call = this.#callOf(segment.callHistoryId);
    const visibleAt = clock.now() + minMs + random.below(Math.max(1, maxMs - minMs + 1));
    const delayMs = random.chance(updatedShare) ? 1 + random.below(Math.max(1, maxMs)) : 0;
    const booked = {
      n: ++this.#lastN,
      callId: call.callId,
      segmentId: ++call.segments,
      segment,
      visibleAt,
      completeAt: visibleAt + delayMs,
    };
    this.#booked.push(booked);
    if (this.#booked.length > MAX_SEGMENTS + TRIM_STEP) this.#booked = this.#booked.slice(-MAX_SEGMENTS);
    onBooked?.(booked);
  }

  /** What a reader of the PBX's own records can see by now, the oldest first. */
  visible(): BookedSegment[] {
    const now = this.#deps.clock.now();
    return this.#booked.filter(each => each.visibleAt <= now);
  }

  page(afterN: number, limit: number) {
    const first = this.#booked[0]?.n ?? this.#lastN + 1;
    const from = Math.max(0, afterN + 1 - first);
    const segments = this.#booked.slice(from, from + limit);
    return { segments, first, last: this.#lastN, next: segments.at(-1)?.n ?? Math.max(afterN, first - 1) };
  }

  #callOf(callHistoryId: string): { callId: number; segments: number } {
    let call = this.#calls.get(callHistoryId);
    if (!call) {
      call = { callId: ++this.#lastCallId, segments: 0 };
      this.#calls.set(callHistoryId, call);
      for (const oldest of this.#calls.keys()) {
        if (this.#calls.size <= MAX_OPEN_CALLS) break;
        this.#calls.delete(oldest);
      }
    }
    return call;
  }
}
