import { Gauge, type Registry } from 'prom-client';

/**
 * The one queue between the PBX and the log. Everything that will become an entry stands in it in order of arrival, and
 * only its head may leave: entities are asked for side by side, yet the log keeps the order of the frames.
 *
 * Nothing can stop it, because an item that is not ready when its time is up is told to do without.
 */
export interface WindowItem {
  readonly bytes: number;
  /** Monotonic ms by which the item must be ready; null for one that always is. */
  readonly dueAt: number | null;
  isReady: boolean;
  /** Time is up: be ready with what there is. */
  expire(): void;
  /** Called once, in order. */
  emit(): void;
}

/** So many items leave in one go before sockets and timers get their turn. */
const MAX_EMITS_PER_TURN = 2_000;

export class OrderedWindow {
  #items: WindowItem[] = [];
  #head = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueFloor = 0;
  #isPumping = false;
  #isPumpQueued = false;
  readonly #drained: (() => void)[] = [];
  readonly #now: () => number;

  constructor(deps: { registry: Registry; monotonicNow?: () => number }) {
    this.#now = deps.monotonicNow ?? (() => performance.now());
    const size = () => this.size;
    const bytes = () => this.#bytes;
    const registers = [deps.registry];
    new Gauge({
      name: 'relay_ingest_window_items',
      help: 'Frames that wait for their entity or for an earlier frame',
      registers,
      collect() {
        this.set(size());
      },
    });
    new Gauge({
      name: 'relay_ingest_window_bytes',
      help: 'Bytes of the frames that wait',
      registers,
      collect() {
        this.set(bytes());
      },
    });
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  *[Symbol.iterator](): Iterator<WindowItem> {
    for (let i = this.#head; i < this.#items.length; i += 1) {
      const item = this.#items[i];
      if (item) yield item;
    }
  }

  push(item: WindowItem): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
    this.pump();
  }

  /** No item expires before this time: what held them all up is not their fault. */
  postponeUntil(dueAt: number): void {
    this.#dueFloor = Math.max(this.#dueFloor, dueAt);
  }

  /** Lets go of everything that is ready at the head. Call it when an item became ready. */
  pump(): void {
    if (this.#isPumping || this.#isPumpQueued) return;
    this.#isPumping = true;
    clearTimeout(this.#timer);
    for (let emitted = 0; ; emitted += 1) {
      const item = this.#items[this.#head];
      if (!item) break;
      if (!item.isReady && !this.#isDue(item)) {
        this.#arm(item);
        break;
      }
      if (emitted >= MAX_EMITS_PER_TURN) {
        this.#isPumpQueued = true;
        setImmediate(() => {
          this.#isPumpQueued = false;
          this.pump();
        });
        break;
      }
      if (!item.isReady) item.expire();
      this.#shift(item);
      item.emit();
    }
    this.#isPumping = false;
    if (this.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    if (this.size === 0) return;
    await new Promise<void>(resolve => this.#drained.push(resolve));
  }

  #isDue(item: WindowItem): boolean {
    return item.dueAt !== null && this.#now() >= Math.max(item.dueAt, this.#dueFloor);
  }

  #arm(item: WindowItem): void {
    if (item.dueAt === null) return;
    const waitMs = Math.max(item.dueAt, this.#dueFloor) - this.#now();
    this.#timer = setTimeout(() => this.pump(), Math.max(1, Math.ceil(waitMs)));
  }

  #shift(item: WindowItem): void {
    this.#bytes -= item.bytes;
    this.#head += 1;
    // Shifting an array of ten thousand for every frame would cost more than the frame.
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
