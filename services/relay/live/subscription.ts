import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import type { Block } from './block.ts';
import type { CatchUp } from './catch-up.ts';
import type { Filter } from './filter.ts';
import type { Ring } from './ring.ts';
import { textFrame } from './text-frame.ts';

/** Where the frames go: the socket of one client, which says when it holds enough. */
export interface Outlet {
  /** Writes whole frames. */
  write(frames: Buffer, count: number): void;
  /** True when so much waits in the socket that more must stay in the log. */
  isFull(): boolean;
  /** Resolves when the socket has drained or closed. */
  whenDrained(): Promise<void>;
  readonly isClosed: boolean;
}

/**
 * One client's place in one channel.
 *
 * All there is to it is a cursor, the number of the last entry written to the socket or passed over by the filter, and
 * one rule: the subscription is live exactly while its cursor stands at the ring's head. A new block goes straight to
 * the live ones. Whoever stands elsewhere, because it came with an old position or because its socket was full, is
 * walked forward by `#advance`, block by block as the socket takes them. That loop compares cursor and head, and the
 * tail moves the head, in turns of one thread, so no block can fall between the two, and none can come twice, since a
 * block hands out only what lies behind the cursor. There is no buffer to merge, no lock on the live path, and a slow
 * client is the same thing as one that came late: it costs its cursor.
 */
export class Subscription {
  readonly channel: Channel;
  readonly filter: Filter | null;
  readonly #ring: Ring;
  readonly #catchUp: CatchUp;
  readonly #outlet: Outlet;
  readonly #onError: (error: unknown) => void;
  #cursor: number;
  #isAdvancing = false;
  #isCaughtUp = false;
  #isEnded = false;
  /** Monotonic ms of the last message on this channel. */
  #sentAt = performance.now();

  constructor(
    parts: { channel: Channel; filter: Filter | null; cursor: number },
    deps: { ring: Ring; catchUp: CatchUp; outlet: Outlet; onError: (error: unknown) => void },
  ) {
    this.channel = parts.channel;
    this.filter = parts.filter;
    this.#cursor = parts.cursor;
    this.#ring = deps.ring;
    this.#catchUp = deps.catchUp;
    this.#outlet = deps.outlet;
    this.#onError = deps.onError;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get position(): string | null {
    const epoch = epochOf(this.#ring.epochs, this.#cursor);
    return epoch ? formatPosition({ epoch, seq: this.#cursor }) : null;
  }

  /** Entries between this client and the newest one. */
  get lag(): number {
    return Math.max(0, this.#ring.head - this.#cursor);
  }

  /** Begins, or goes on after the socket was full. */
  start(): void {
    void this.#advance();
  }

  end(): void {
    this.#isEnded = true;
  }

  /** A block was appended to the ring. `block.after` is where the head stood before. */
  onBlock(block: Block): void {
    if (this.#isAdvancing || this.#isEnded) return;
    if (this.#cursor < block.after || this.#outlet.isFull()) {
      void this.#advance();
      return;
    }
    this.#deliver(block);
  }

  /** The log was lost: what this client has seen is gone, and it reads on at the oldest entry there is. */
  onReset(oldest: number): void {
    this.sendGap({ after: null, lost: null, reason: 'log_reset' });
    this.#cursor = oldest - 1;
  }

  sendGap(gap: { after: string | null; lost: number | null; reason: GapReason }): void {
    const next = this.#cursor + 1;
    const epoch = epochOf(this.#ring.epochs, next);
    const before = epoch && next <= this.#ring.head ? formatPosition({ epoch, seq: next }) : null;
    this.#send({ type: 'gap', channel: this.channel, after: gap.after, before, lost: gap.lost, reason: gap.reason });
  }

  /** Keeps the position of a client that gets nothing fresh; `idleMs` without a message make it due. */
  sendPosition(idleMs: number): void {
    if (this.#outlet.isFull() || performance.now() - this.#sentAt < idleMs) return;
    this.#send({ type: 'position', channel: this.channel, id: this.position });
  }

  async #advance(): Promise<void> {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      while (!this.#isEnded && !this.#outlet.isClosed) {
        if (this.#outlet.isFull()) {
          await this.#outlet.whenDrained();
          continue;
        }
        if (this.#cursor >= this.#ring.head) break;
        const found = this.#catchUp.blockAfter(this.channel, this.#ring, this.#cursor);
        if (!(found instanceof Promise)) {
          this.#deliver(found);
          continue;
        }
        const cursorBefore = this.#cursor;
        const page = await found;
        // A reset may have moved the cursor while the page was read: then it is of a log that is gone.
        if (this.#isEnded || this.#cursor !== cursorBefore || !page) continue;
        if (page.lost) {
          const after = this.position;
          this.#cursor += page.lost.count;
          this.sendGap({ after, lost: page.lost.count, reason: page.lost.reason });
        }
        this.#deliver(page.block);
      }
      if (!this.#isEnded && !this.#isCaughtUp && this.#cursor >= this.#ring.head) {
        this.#isCaughtUp = true;
        this.#send({ type: 'caught_up', channel: this.channel, id: this.position });
      }
    } catch (error) {
      this.#onError(error);
    } finally {
      this.#isAdvancing = false;
    }
  }

  #deliver(block: Block): void {
    const selection = block.select(this.#cursor, this.filter);
    if (block.last > this.#cursor) this.#cursor = block.last;
    if (!selection) return;
    this.#sentAt = performance.now();
    this.#outlet.write(selection.bytes, selection.count);
  }

  #send(message: object): void {
    if (this.#outlet.isClosed) return;
    this.#sentAt = performance.now();
    this.#outlet.write(textFrame(JSON.stringify(message)), 1);
  }
}
