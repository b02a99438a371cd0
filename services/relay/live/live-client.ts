import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { CloseVerdict } from '@3cx-relay/shared/wire/close-codes.ts';
import type { AskedFilters } from './filter.ts';
import type { Subscription } from './subscription.ts';

/** What a client asked for of a channel, and where it stands. */
export interface Place {
  readonly channel: Channel;
  readonly position: string;
  readonly asked: AskedFilters;
}

/** Somebody who is connected and gets messages as they happen, over whatever transport. */
export interface LiveClient {
  readonly session: string;
  readonly transport: 'ws' | 'sse';
  readonly subscriptions: ReadonlyMap<Channel, Subscription>;
  /** Of who keeps his own place in one channel, without a subscription. */
  readonly place?: Place;
  /** Bytes that wait in its socket. */
  readonly queuedBytes: number;
  /** Called at every heartbeat: a sign of life, and the end of a client that gives none. */
  beat(): void;
  /** Tells it to come back, and when: a close follows. */
  leave(afterMs: number): void;
  close(verdict: CloseVerdict): void;
  /** Cuts it off without a goodbye. */
  terminate(): void;
}
