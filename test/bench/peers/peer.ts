import type { Role } from '../frame/report.ts';
import type { Fsync, Stand } from '../frame/stand.ts';
import type { FeedTarget } from '../load/feeds.ts';
import type { WireTarget } from '../load/wires.ts';

/** A running server with a way in and a way out. */
export interface Running {
  /** Of everything that is counted as server: its own processes and the store it needs. */
  readonly pids: readonly number[];
  /** The process that holds the connections. */
  readonly serverPid: number;
  readonly feed: FeedTarget;
  readonly wire: WireTarget;
  /** Reads everything from the beginning; absent where a server keeps nothing. */
  readonly replayWire?: WireTarget;
  /** Resolves when the server has taken so many events; absent where it has them as soon as the sender is told so. */
  hasTaken?(events: number): Promise<unknown>;
  stop(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly role: Role;
  /** Its server is a Node program. */
  readonly isNode?: true;
  /** Undefined when it can run here; otherwise why not. */
  obtain(): Promise<string | undefined>;
  start(stand: Stand, options: PeerOptions): Promise<Running>;
}

export interface PeerOptions {
  readonly fsync?: Fsync;
  /** For the product: environment of the relay. */
  readonly settings?: Readonly<Record<string, string>>;
}

export const alwaysThere = async (): Promise<undefined> => undefined;
