import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { type GapReason, resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { formatPosition, type LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { lostBehind } from '../replay/lost-behind.ts';
import type { Replay } from '../replay/replay.ts';
import type { Block } from './block.ts';
import type { AskedFilters, Filter } from './filter.ts';
import type { Outlet, OutletMessage } from './outlet.ts';
import type { Ring } from './ring.ts';

export interface SubscriptionDeps {
  readonly ring: Ring;
  readonly replay: Replay;
  readonly outlet: Outlet;
  readonly onError: (error: unknown) => void;
  readonly watch: SubscriptionWatch;
}

/** Hears of what happens to subscriptions, all of them together. */
export interface SubscriptionWatch {
  /** A live client had to be left to read the log at its own pace. */
  fellBack(): void;
  /** Entries behind, handed out from the ring. */
  replayed(tier: 'ring', entries: number): void;
  gap(reason: GapReason): void;
  /** Entries that the filter kept back. */
  dropped(entries: number): void;
}

/**
 * One client's place in one channel, whatever its transport.
 *
 * All there is to it is a cursor, the number of the last entry written to the socket or passed over by the filter, and
 * one rule: the subscription is live exactly while its cursor stands at the ring's head. A new block goes straight to
 * the live ones whose socket is idle. Whoever stands elsewhere, because it came with an old position or because its
 * socket still holds what it got before, is walked forward by `#advance` as the socket takes it, and gets what has
 * gathered meanwhile in one write. That loop compares cursor and head, and the tail moves the head, in turns of one
 * thread, so no block can fall between the two, and none can come twice, since a block hands out only what lies behind
 * the cursor. There is no buffer to merge, no lock on the live path, and a slow client is the same thing as one that
 * came late: it costs its cursor.
 */
export class Subscription {
  readonly channel: Channel;
  readonly filter: Filter | null;
  /** What `filter` was made of, but for what the key lets the client see. */
  readonly asked: AskedFilters;
  readonly #deps: SubscriptionDeps;
  #cursor: number;
  /** The cursor as its client knows it, while this process has not read so far and cannot tell of which epoch it is. */
  #ahead: LogPosition | null;
  #isAdvancing = false;
  #isCaughtUp = false;
  #isEnded = false;
  #resets = 0;
  /** Monotonic ms of the last message on this channel. */
  #sentAt = performance.now();

  constructor(
    parts: { channel: Channel; filter: Filter | null; cursor: number; epoch: string | null; asked?: AskedFilters },
    deps: SubscriptionDeps,
  ) {
    this.channel = parts.channel;
    this.filter = parts.filter;
    this.asked = parts.asked ?? {};
    const { epoch, cursor } = parts;
    this.#cursor = cursor;
    this.#ahead = epoch !== null && cursor > deps.ring.head ? { epoch, seq: cursor } : null;
    this.#deps = deps;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** It came with an old position, or is slow, and is walked forward. */
  get isCatchingUp(): boolean {
    return this.#isAdvancing;
  }

  /** Entries that exist and were not sent yet. */
  get lag(): number {
    return Math.max(0, this.#deps.ring.head - this.#cursor);
  }

  /** Null while the channel was never written. */
  get position(): string | null {
    if (this.#ahead) return formatPosition(this.#ahead);
    const epoch = epochOf(this.#deps.ring.epochs, this.#cursor);
    return epoch ? formatPosition({ epoch, seq: Math.max(0, this.#cursor) }) : null;
  }

  /** Begins, or goes on after the socket was busy. */
  start(): void {
    void this.#advance();
  }

  end(): void {
    this.#isEnded = true;
  }

  /** A block was appended to the ring. `block.after` is where the head stood before. */
  onBlock(block: Block): void {
    if (this.#isAdvancing || this.#isEnded) return;
    this.#compareAhead();
    if (this.#cursor < block.after || !this.#deps.outlet.isIdle()) {
      if (this.#cursor >= block.after) this.#deps.watch.fellBack();
      void this.#advance();
      return;
    }
    this.#deliver(block);
    if (this.#cursor < block.last) void this.#advance();
  }

  /** The log was lost: what this client has seen is gone, and it reads on at the oldest entry there is. Before the ring knows. */
  onReset({ epochs, oldest, head }: LogInfo): void {
    this.#resets += 1;
    const own = this.#ahead?.epoch ?? epochOf(this.#deps.ring.epochs, this.#cursor);
    // The log was begun again behind what others have seen: for who is further back it goes on as it was.
    if (this.#cursor < oldest - 1 && epochs.some(start => start.epoch === own)) return;
    const epoch = oldest <= head ? epochOf(epochs, oldest) : undefined;
    const before = epoch ? formatPosition({ epoch, seq: oldest }) : null;
    this.#tellGap({ after: this.position, before, lost: null, reason: 'log_reset' });
    this.#ahead = null;
    this.#cursor = oldest - 1;
  }

  sendGap(gap: { after: string | null; lost: number | null; reason: GapReason }): void {
    const { ring } = this.#deps;
    const next = this.#cursor + 1;
    const epoch = epochOf(ring.epochs, next);
    const before = epoch && next <= ring.head ? formatPosition({ epoch, seq: next }) : null;
    this.#tellGap({ ...gap, before });
  }

  /** Keeps the position of a client that gets nothing fresh; `idleMs` without a message make it due. */
  sendPosition(idleMs: number): void {
    if (!this.#deps.outlet.isIdle() || performance.now() - this.#sentAt < idleMs) return;
    this.#send({ type: 'position', channel: this.channel, id: this.position });
  }

  async #advance(): Promise<void> {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    const { ring, replay, outlet } = this.#deps;
    try {
      while (!this.#isEnded && !outlet.isClosed) {
        if (!outlet.isIdle()) {
          await outlet.whenIdle();
          continue;
        }
        this.#compareAhead();
        if (this.#cursor >= ring.head) break;
        const found = replay.blockAfter(this.channel, ring, this.#cursor);
        if (!(found instanceof Promise)) {
          // A page that is kept for others may begin with a hole as one that is read does.
          this.#skipMissing(found);
          this.#deliverRun(found);
          continue;
        }
        const resetsBefore = this.#resets;
        const block = await found;
        // A reset while the page was read: then it is of a log that is gone.
        if (this.#isEnded || this.#resets !== resetsBefore || !block) continue;
        this.#skipMissing(block);
        if (this.#cursor < block.last) this.#deliver(block);
      }
      if (!this.#isEnded && !this.#isCaughtUp && this.#cursor >= ring.head) {
        this.#isCaughtUp = true;
        this.#send({ type: 'caught_up', channel: this.channel, id: this.position });
      }
    } catch (error) {
      this.#deps.onError(error);
    } finally {
      this.#isAdvancing = false;
    }
  }

  /**
   * This process comes to read what its client has seen elsewhere. Where the log was rolled back in between it reads other
   * entries under the same numbers, which are not to be passed over.
   */
  #compareAhead(): void {
    if (!this.#ahead) return;
    const { epoch, seq } = this.#ahead;
    const { epochs, head } = this.#deps.ring;
    // Until then the epoch may be one that is still to be read.
    const isKnown = head >= seq || epochs.some(start => start.epoch >= epoch);
    if (!isKnown) return;
    const { cursor, gap } = resolvePosition(this.#ahead, { epochs, head: Number.POSITIVE_INFINITY, oldest: 1 });
    const after = this.position;
    if (gap || head >= seq) this.#ahead = null;
    this.#cursor = cursor;
    if (gap) this.sendGap({ after, ...gap });
  }

  /** The ring is made of blocks as small as an event: what waits there goes out in one write. */
  #deliverRun(first: Block): void {
    const { ring, outlet, watch } = this.#deps;
    let block: Block | null = first;
    let bytes = 0;
    outlet.cork();
    // The first as far as it goes, and whole ones behind it as long as they fit.
    while (block && (bytes === 0 || block.bytes <= outlet.maxBytes() - bytes)) {
      watch.replayed('ring', block.size);
      bytes += this.#deliver(block, outlet.maxBytes() - bytes);
      block = this.#cursor < ring.head ? ring.blockAfter(this.#cursor) : null;
    }
    outlet.uncork();
  }

  #skipMissing(block: Block): void {
    const lost = lostBehind(block, this.#cursor, this.#deps.ring.epochs);
    if (lost === 0) return;
    const after = this.position;
    this.#cursor += lost;
    this.sendGap({ after, lost, reason: 'retention' });
  }

  /** Returns how many bytes it wrote: at least one message, whatever `maxBytes` says. */
  #deliver(block: Block, maxBytes = this.#deps.outlet.maxBytes()): number {
    const { outlet } = this.#deps;
    const wanted = { filter: this.filter, encoding: outlet.encoding, maxBytes };
    const { bytes, count, last } = block.select(this.#cursor, wanted);
    // A cursor may be ahead of what this process has read: then the block holds nothing for it.
    if (last <= this.#cursor) return 0;
    if (this.filter) this.#deps.watch.dropped(Math.min(block.size, last - this.#cursor) - count);
    this.#cursor = last;
    if (!bytes) return 0;
    this.#sentAt = performance.now();
    outlet.write(bytes, count);
    return bytes.length;
  }

  #tellGap(gap: { after: string | null; before: string | null; lost: number | null; reason: GapReason }): void {
    const { after, before, lost, reason } = gap;
    this.#send({ type: 'gap', channel: this.channel, after, before, lost, reason });
    this.#deps.watch.gap(reason);
  }

  #send(message: OutletMessage): void {
    const { outlet } = this.#deps;
    if (outlet.isClosed) return;
    this.#sentAt = performance.now();
    outlet.send(message);
  }
}
