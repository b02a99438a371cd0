import type { Channel } from '../wire/channels.ts';
import type { SubscriptionRequest } from '../wire/client-messages.ts';
import type { CaughtUpMessage, GapMessage, HelloMessage, LogMessage, PositionMessage } from '../wire/messages.ts';
import { channelOf, type RelayItem } from './decode-message.ts';

/**
 * Where one channel stands on the receiving side: what to ask for after the next interruption, and what of the answer
 * came before.
 *
 * Positions are compared as text. They only grow, with one exception: a gap that says that the log was lost or rolled
 * back may be followed by smaller ones, so there the comparison begins anew.
 */
export class ChannelCursor {
  readonly channel: Channel;
  /** `start`, `now` until the relay has said where that is, or a position. */
  after: string;
  #wantsSnapshot: boolean;
  /** Position of the newest message received. */
  #received: string | null;
  /** The gap that was received last, as long as no entry followed: it is announced again when the connection is. */
  #openGap: string | null = null;

  constructor(start: { channel: Channel; after: string; snapshot: boolean }) {
    this.channel = start.channel;
    this.after = start.after;
    this.#wantsSnapshot = start.snapshot;
    this.#received = start.after === 'start' || start.after === 'now' ? null : start.after;
  }

  /**
   * `now` is pinned to the head that the relay greets with, so that from then on nothing is missed, whatever becomes of
   * the connection. In a channel that was never written, `now` and `start` are the same place. Returns the position
   * that came about this way, if any.
   */
  pin(hello: HelloMessage): string | null {
    const state = hello.channels[this.channel];
    if (this.after !== 'now' || this.#wantsSnapshot || !state) return null;
    this.#moveTo(state.head);
    return state.head;
  }

  request(): Pick<SubscriptionRequest, 'after' | 'snapshot'> {
    return this.#wantsSnapshot ? { snapshot: true } : { after: this.after };
  }

  /** False for what was received before. */
  accept(message: RelayItem | PositionMessage | CaughtUpMessage): boolean {
    switch (message.type) {
      case 'snapshot':
        this.#wantsSnapshot = false;
        this.#moveTo(message.id);
        return true;
      case 'caught_up':
      case 'position':
        if (this.#isBehind(message.id)) return false;
        this.#moveTo(message.id ?? this.#received);
        return true;
      case 'gap':
        return message.id === undefined ? this.#acceptOwnGap(message) : this.#acceptEntry(message.id);
      default:
        return this.#acceptEntry(message.id);
    }
  }

  #acceptEntry(id: string): boolean {
    if (this.#received !== null && id <= this.#received) return false;
    this.#openGap = null;
    this.#moveTo(id);
    return true;
  }

  #acceptOwnGap({ after, before, lost, reason }: GapMessage): boolean {
    const gap = JSON.stringify([after, before, lost, reason]);
    if (gap === this.#openGap) return false;
    this.#openGap = gap;
    if (reason === 'log_reset' || reason === 'log_rolled_back') this.#received = null;
    return true;
  }

  #isBehind(id: string | null): boolean {
    return id !== null && this.#received !== null && id < this.#received;
  }

  #moveTo(id: string | null): void {
    this.#received = id;
    this.after = id ?? 'start';
  }
}

/** Where the consumer stands once it has dealt with an item; null for what does not move it. */
export function positionOf(item: LogMessage | RelayItem): { channel: Channel; id: string } | null {
  return typeof item.id === 'string' ? { channel: channelOf(item), id: item.id } : null;
}
