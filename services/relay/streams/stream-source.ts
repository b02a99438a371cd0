import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import type { WaitOutcome } from '../live/arrivals.ts';
import type { StreamFormat } from './stream-format.ts';

/**
 * What the read path of the Durable Streams protocol (read-stream.ts) needs to know of a stream. It holds no place of a
 * reader: an offset says all, so that a request, a long poll and a connection that follows for a minute are the same
 * thing asked once or again.
 */
export interface StreamSource {
  /** Names what is read, filter included; part of every ETag. */
  readonly id: string;
  readonly format: StreamFormat;
  /** What follows `offset`, or why nothing does. @throws when a store is away that must be asked */
  read(offset: string, bounds: ReadBounds): Promise<StreamRead>;
  /** Offset behind the newest message. @throws when the log cannot be asked */
  tail(): Promise<string>;
  /** Until there may be something behind an offset that `read` gave. */
  waitBeyond(offset: string, wait: StreamWait): Promise<WaitOutcome>;
}

export interface ReadBounds {
  /** At least one message comes, however long it is. */
  readonly maxBytes: number;
  /**
   * Whether the log itself is asked where it ends, so that who has just written finds it, or only what this process has
   * read already, which costs nothing.
   */
  readonly isFresh: boolean;
}

export interface StreamWait {
  readonly ms: number;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
  /** A connection is counted where it is accepted, not among the requests that wait. */
  readonly isConnection: boolean;
}

export type StreamRead = StreamChunk | StreamGone | { readonly kind: 'invalid' };

export interface StreamChunk {
  readonly kind: 'chunk';
  /** Messages, or runs of messages, as `format` joins them. Empty when nothing is there for this reader. */
  readonly parts: readonly Buffer[];
  /** Messages in them. */
  readonly count: number;
  /** Offset behind them, and behind what the filter kept back. */
  readonly next: string;
  /** Nothing else was in the stream. */
  readonly isUpToDate: boolean;
}

/** What followed the offset is not there any more. */
export interface StreamGone {
  readonly kind: 'gone';
  readonly reason: GapReason;
  /** Messages that are missing, null when nobody can say. */
  readonly lost: number | null;
  /** Before the oldest message held. */
  readonly oldestOffset: string;
  /** Who goes on here gets everything this reader has not seen and that is still held. */
  readonly resumeOffset: string;
}
