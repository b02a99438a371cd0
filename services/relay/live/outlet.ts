import type { Encoding } from './encoding.ts';

/**
 * Where the messages of one client go: its socket, which says when it can take more.
 *
 * What a socket has not handed to the kernel is memory of this process, so that nothing is added while something waits:
 * the entries stay in the log, and the next write carries all that has gathered. At most one write is thus held for
 * each client, no longer than `maxBytes`, and all of them together within one budget (send-budget.ts).
 */
export interface Outlet {
  readonly encoding: Encoding;
  readonly isClosed: boolean;
  /** True when nothing waits in the socket. */
  isIdle(): boolean;
  /** Resolves when nothing waits any more or the socket has closed. */
  whenIdle(): Promise<void>;
  /** How long one write may be. */
  maxBytes(): number;
  /** Whole messages in this outlet's encoding. */
  write(bytes: Buffer, count: number): void;
  /** One message that is no entry; `id` is its position if it has one. */
  send(message: OutletMessage): void;
  /** Writes between the two go out together. */
  cork(): void;
  uncork(): void;
}

/** What the relay says beside the entries of the log. */
export interface OutletMessage {
  readonly type: string;
  readonly id?: string | null;
  readonly [field: string]: unknown;
}

/** Hears of everything that is written to a client. */
export type OnWrite = (messages: number, bytes: number) => void;
