import type { CaughtUpMessage, PositionMessage } from '../wire/messages.ts';
import type { RelayItem } from './decode-message.ts';

/** What came and was not asked for yet. Positions wait in line too: they are true only once all before is dealt with. */
export interface Arrival {
  readonly message: RelayItem | PositionMessage | CaughtUpMessage;
  /** Length of its text; the objects made of it take several times as much. */
  readonly bytes: number;
  /** Number of the connection that brought it. */
  readonly session: number;
}

export interface QueueLimits {
  readonly maxBytes: number;
  readonly maxMessages: number;
}

/** Full at its limit, drained at a quarter of it: the connection is given up and taken up again between the two. */
const DRAINED_SHARE = 0.25;
/** Slots at the front that are empty before the rest is moved up. */
const MAX_EMPTY_SLOTS = 1_024;

export class ArrivalQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: (() => void)[] = [];
  #arrivals: (Arrival | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#arrivals.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limits.maxBytes || this.size >= this.#limits.maxMessages;
  }

  push(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#bytes += arrival.bytes;
  }

  take(): Arrival | undefined {
    const arrival = this.#arrivals[this.#first];
    if (!arrival) return undefined;
    this.#arrivals[this.#first] = undefined;
    this.#first += 1;
    this.#bytes -= arrival.bytes;
    if (this.#first >= MAX_EMPTY_SLOTS || this.#first === this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#first);
      this.#first = 0;
    }
    if (this.#isDrained()) this.#release();
    return arrival;
  }

  clear(): void {
    this.#arrivals = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#release();
  }

  /** Resolves when there is room again, or when the queue was cleared. */
  async whenDrained(): Promise<void> {
    if (this.#isDrained()) return;
    await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  #isDrained(): boolean {
    const { maxBytes, maxMessages } = this.#limits;
    return this.#bytes <= maxBytes * DRAINED_SHARE && this.size <= maxMessages * DRAINED_SHARE;
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
