import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Call } from '../call-model/call.ts';
import type { QueuedCall } from '../call-model/call-model.ts';
import { digitsOf } from '../pbx/same-number.ts';
import { type ActiveCall, dnOfDisplay } from '../pbx/xapi/active-calls.ts';

/**
 * Whether callers wait on in a queue whose agents do not ring any more. Call control shows nothing of them, for as long
 * as all agents are busy (3cx.md §1.6), and an abandoned call looks the same; XAPI lists who waits (§2.2). It is asked
 * when the grace of a call is over, once for all of them, and then from time to time. Where it cannot be asked, the call
 * ends with the grace, as every other, but for who was seen to wait a moment ago.
 */
export interface QueueWatchOptions {
  readonly graceMs: number;
  readonly everyMs: number;
}

export interface QueueWatchDeps {
  readonly queued: () => Iterable<QueuedCall>;
  /** All that go on. */
  readonly calls: () => Iterable<Call>;
  readonly xapi: { getActiveCalls(signal?: AbortSignal): Promise<readonly ActiveCall[]> };
  /** Resolves when the PBX is heard from anew: on a line that is dead nobody seems to ring. */
  readonly lineAnswers: () => Promise<void>;
  /** To be done in its place between the frames. */
  readonly end: (queued: QueuedCall, how: { wasElsewhere: boolean }) => void;
  readonly logger: Logger;
  readonly now: () => number;
}

const ASK_WITHIN_MS = 3_000;
/** A caller who was seen to wait is not given up for one question that went wrong, nor for ever. */
const MAX_FAILURES = 12;

export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #deps: QueueWatchDeps;
  /** Calls that XAPI has shown since they fell empty: where the caller was at the last look. */
  readonly #places = new Map<string, 'queue' | 'elsewhere'>();
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Nobody is asked while there is no connection; a snapshot follows it. */
  #isPaused = false;
  #isAsking = false;

  constructor(options: QueueWatchOptions, deps: QueueWatchDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** A call may have fallen empty. */
  look(): void {
    if (this.#timer || this.#isAsking || this.#isPaused) return;
    const [first] = this.#deps.queued();
    if (!first) return;
    const dueInMs = first.since + this.#options.graceMs - this.#deps.now();
    // Bounded by the grace: a clock that was set back must not put it off.
    this.#arm(Math.min(Math.max(1, dueInMs), Math.max(1, this.#options.graceMs)));
  }

  pause(): void {
    this.#isPaused = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  resume(): void {
    this.#isPaused = false;
    this.look();
  }

  #arm(waitMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isAsking = true;
      void this.#ask().finally(() => {
        this.#isAsking = false;
        const [next] = this.#deps.queued();
        if (next && !this.#isPaused) this.#arm(this.#options.everyMs);
        else this.#places.clear();
      });
    }, waitMs);
  }

  async #ask(): Promise<void> {
    const { queued, calls, lineAnswers, end, now } = this.#deps;
    const asked = [...queued()].filter(({ since }) => since + this.#options.graceMs <= now() || since > now());
    if (asked.length === 0) return;
    const [active] = await Promise.all([this.#activeCalls(), lineAnswers()]);
    if (this.#isPaused) return;
    this.#failures = active ? 0 : this.#failures + 1;
    for (const each of asked) {
      const { callId, via } = each.call;
      if (!active && this.#places.has(callId) && this.#failures < MAX_FAILURES) continue;
      const places = placesOf(each.call, active ?? [], calls());
      if (places.length > 0) this.#places.set(callId, places.includes(via?.dn ?? null) ? 'queue' : 'elsewhere');
      else {
        end(each, { wasElsewhere: this.#places.get(callId) === 'elsewhere' });
        this.#places.delete(callId);
      }
    }
  }

  async #activeCalls(): Promise<readonly ActiveCall[] | null> {
    try {
      return await this.#deps.xapi.getActiveCalls(AbortSignal.timeout(ASK_WITHIN_MS));
    } catch (error) {
      this.#deps.logger.debug(`nobody can say who waits in a queue: ${messageOf(error)}`);
      return null;
    }
  }
}

/**
 * With whom the caller is, by their DNs; nowhere for who hides his number, of whom nobody can tell others. Two callers may
 * have one number, and one caller two lines: what other calls account for does not speak of this one.
 */
function placesOf({ caller, callId }: Call, active: readonly ActiveCall[], calls: Iterable<Call>): (string | null)[] {
  const digits = digitsOf(caller.number ?? '');
  const isCaller = (display: string | null) =>
    caller.dn === null ? digits !== '' && digitsOf(display ?? '').endsWith(digits) : dnOfDisplay(display) === caller.dn;
  const places = active.filter(call => isCaller(call.caller)).map(call => dnOfDisplay(call.callee));
  if (places.length === 0) return places;
  const isHe = (number: string | null) =>
    caller.dn === null ? digitsOf(number ?? '') === digits : number === caller.dn;
  // Who calls whom is not known of a call that was first seen when it was connected.
  const others = [...calls].filter(
    ({ legs, ...call }) =>
      call.callId !== callId &&
      legs.length > 0 &&
      (isHe(call.caller.dn ?? call.caller.number) || legs.some(leg => isHe(leg.party))),
  );
  return withoutOthers(places, others);
}

/**
 * A phone that is or was in another call is one that we see, so that nobody is there unseen. Of one that rings for a
 * queue the PBX shows the phone or, once, the queue.
 */
function withoutOthers(places: readonly (string | null)[], others: readonly Call[]): (string | null)[] {
  const phones = new Set<string | null>(
    others.flatMap(({ legs, formerLegs }) => [...legs, ...formerLegs].map(leg => leg.dn)),
  );
  const left = places.filter(dn => !phones.has(dn));
  for (const { legs, via, answeredAt, answeredBy } of others) {
    if (!via || answeredAt !== null || answeredBy !== null || legs.some(leg => places.includes(leg.dn))) continue;
    const inQueue = left.indexOf(via.dn);
    if (inQueue >= 0) left.splice(inQueue, 1);
  }
  return left;
}
