import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import { memoryPositions } from '@3cx-relay/shared/client/position-store.ts';
import type { EventsOptions, RelayClient } from '@3cx-relay/shared/client/relay-client.ts';

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
  onItem(item: RelayItem): void;
  onConnection(connection: Connection): void;
  /** The relay has said no for good, and nothing follows. */
  onRefused(error: unknown): void;
}

export interface Follower {
  /** Tries at once, and puts a connection that may be dead to the test: it is made anew, and goes on behind the last item. */
  check(): void;
  stop(): void;
}

export type FollowRequest = Pick<EventsOptions, 'channels' | 'after' | 'dn' | 'event' | 'call' | 'snapshot'>;

/** Reads the log over any number of connections, each entry once, and says how it is connected. */
export function follow(
  client: Pick<RelayClient, 'events'>,
  request: FollowRequest,
  handlers: FollowHandlers,
): Follower {
  const positions = memoryPositions();
  const last = new Map<string, string>();
  let attempt = new AbortController();
  let isStopped = false;
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

  function take(item: RelayItem): void {
    const id = 'id' in item && typeof item.id === 'string' ? item.id : null;
    const channel = 'channel' in item ? String(item.channel) : item.type;
    // The last item before a new beginning was shown, but nobody had asked for the one behind it.
    if (id !== null && item.type !== 'snapshot') {
      if (last.get(channel) === id) return;
      last.set(channel, id);
    }
    handlers.onItem(item);
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      attempt = new AbortController();
      const stream = client.events({
        ...request,
        positions,
        signal: attempt.signal,
        onCaughtUp: () => {
          if (connection.state === 'live') enter({ ...connection, isBehind: false });
        },
        onState(state) {
          if (state.state === 'open') open();
          else if (state.state === 'waiting') lose(state.reason, state.retryInMs);
          else if (state.state === 'connecting' && connection.state === 'disconnected') lose(connection.reason, 0);
        },
      });
      try {
        for await (const item of stream) take(item);
      } catch (error) {
        if (!isStopped) handlers.onRefused(error);
        return;
      }
    }
  }

  void run();
  return {
    check: () => attempt.abort(),
    stop() {
      isStopped = true;
      attempt.abort();
    },
  };
}
