import { channelOf, type RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import { memoryPositions } from '@3cx-relay/shared/client/position-store.ts';
import type { EventsOptions, RelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { wait } from '@3cx-relay/shared/client/wait.ts';

/** How a reader of the log is connected. */
export type Connection =
  | { readonly state: 'connecting' }
  /** `isBehind`: still reading what happened meanwhile. `awayMs`: how long it was gone before; null if it never was. */
  | { readonly state: 'live'; readonly isBehind: boolean; readonly awayMs: number | null }
  | {
      readonly state: 'disconnected';
      /** Unix ms, as is `retryAt`. */
      readonly since: number;
      readonly reason: string;
      readonly retryAt: number;
    };

export interface FollowHandlers {
  /** What it returns is waited for before the next item is asked for: a reader that is slow on purpose slows the relay. */
  onItem(item: RelayItem): void | Promise<void>;
  onConnection(connection: Connection): void;
  /** The relay has said no. It is asked again after a while, in case that changes. */
  onRefused?(error: unknown): void;
}

export interface Follower {
  /** Tries at once, or makes a connection anew that may be dead, and goes on behind the last item. */
  check(): void;
  stop(): void;
}

export type FollowRequest = Pick<
  EventsOptions,
  'channels' | 'after' | 'dn' | 'event' | 'call' | 'snapshot' | 'positions'
>;

export const REFUSED_RETRY_MS = 15_000;

/**
 * Reads the log over any number of connections, each entry once, and says how it is connected. `positions` may know where
 * a channel begins; it is told how far it came.
 */
export function follow(
  client: Pick<RelayClient, 'events'>,
  request: FollowRequest,
  handlers: FollowHandlers,
): Follower {
  const { positions = memoryPositions() } = request;
  const last = new Map<string, string>();
  let attempt = new AbortController();
  let isStopped = false;
  let isConnecting = false;
  let connection: Connection = { state: 'connecting' };

  function enter(next: Connection): void {
    connection = next;
    if (!isStopped) handlers.onConnection(next);
  }

  function lose(reason: string, retryInMs: number): void {
    const since = connection.state === 'disconnected' ? connection.since : Date.now();
    enter({ state: 'disconnected', since, reason, retryAt: Date.now() + retryInMs });
  }

  function open(): void {
    if (connection.state === 'live') return;
    const awayMs = connection.state === 'disconnected' ? Date.now() - connection.since : null;
    enter({ state: 'live', isBehind: true, awayMs });
  }

  async function take(item: RelayItem): Promise<void> {
    // When a connection is made anew, the last item was shown, but nobody had asked for the one behind it: it comes again.
    if (item.type !== 'snapshot' && item.id !== undefined) {
      const channel = channelOf(item);
      if (last.get(channel) === item.id) return;
      last.set(channel, item.id);
    }
    await handlers.onItem(item);
  }

  async function read(): Promise<void> {
    const stream = client.events({
      ...request,
      positions,
      signal: attempt.signal,
      onCaughtUp: () => {
        if (connection.state === 'live') enter({ ...connection, isBehind: false });
      },
      onState(state) {
        isConnecting = state.state === 'connecting';
        if (state.state === 'open') open();
        else if (state.state === 'waiting') lose(state.reason, state.retryInMs);
        else if (state.state === 'connecting' && connection.state === 'disconnected') lose(connection.reason, 0);
      },
    });
    for await (const item of stream) {
      if (isStopped) return;
      await take(item);
    }
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      attempt = new AbortController();
      try {
        await read();
      } catch (error) {
        if (isStopped) return;
        lose(error instanceof Error ? error.message : String(error), REFUSED_RETRY_MS);
        handlers.onRefused?.(error);
        await wait(REFUSED_RETRY_MS, attempt.signal);
      }
    }
  }

  void run();
  return {
    check() {
      // What is being tried is not begun again: on a slow line it would never come to its end.
      if (!isConnecting) attempt.abort();
    },
    stop() {
      isStopped = true;
      attempt.abort();
    },
  };
}
