import { type Channel, isChannel } from '../wire/channels.ts';
import type { ClientMessage, SubscriptionRequest } from '../wire/client-messages.ts';
import type { ArrivalQueue } from './arrival-queue.ts';
import { type BackoffOptions, createBackoff } from './backoff.ts';
import type { ChannelCursor } from './channel-cursor.ts';
import type { Credentials } from './credentials.ts';
import { channelOf } from './decode-message.ts';
import { findRefusal } from './find-refusal.ts';
import type { RelayApi } from './relay-api.ts';
import type { RelayError } from './relay-error.ts';
import { runSession, type SessionEnd } from './session.ts';
import { wait } from './wait.ts';

/** `connecting` → `open` → `waiting` (lost, tried again in a while) or `paused` (the consumer is behind) → … → `closed`. */
export type ConnectionState =
  /** `session` counts the attempts. */
  | { readonly state: 'connecting'; readonly session: number }
  /** `name` is the relay's for this connection, as its log has it. */
  | { readonly state: 'open'; readonly name: string }
  | { readonly state: 'waiting'; readonly reason: string; readonly retryInMs: number }
  | { readonly state: 'paused' }
  | { readonly state: 'closed'; readonly error: unknown };

export interface ReconnectOptions extends BackoffOptions {
  /** A connection that lasted so long was a good one: the next failure is waited for from the beginning again. */
  readonly healthyMs: number;
}

export interface LinkRequest {
  readonly url: URL;
  readonly credentials: Credentials;
  readonly connectTimeoutMs: number;
  readonly reconnect: ReconnectOptions;
  readonly cursors: ReadonlyMap<Channel, ChannelCursor>;
  readonly filters: Pick<SubscriptionRequest, 'dn' | 'event' | 'call'>;
}

export interface LinkDeps {
  readonly api: RelayApi;
  readonly queue: ArrivalQueue;
  readonly random?: () => number;
  /** Something is in the queue. */
  onArrival(): void;
  onState(state: ConnectionState): void;
}

/**
 * Keeps the queue filled, over any number of connections, until it is stopped. It goes on behind what was received and
 * not behind what was consumed: what waits in the queue is here already.
 *
 * The platform's WebSocket cannot be told to read more slowly. When the queue is full the connection is given up, and
 * taken up again once there is room; the relay reads on from the position at no more cost than for a slow socket.
 *
 * @throws RelayError when the relay has given its final verdict
 */
export async function runLink(request: LinkRequest, deps: LinkDeps, signal: AbortSignal): Promise<void> {
  const { cursors, filters } = request;
  const { queue, onArrival, onState } = deps;
  const backoff = createBackoff(request.reconnect, deps.random);
  let session = 0;
  let wasForbidden = false;

  const subscribe = (): ClientMessage => ({
    type: 'subscribe',
    channels: Object.fromEntries(
      [...cursors].map(([channel, cursor]) => [channel, { ...cursor.request(), ...filters }]),
    ),
  });

  function connect(): Promise<SessionEnd> {
    const url = new URL('relay/ws?channels=', request.url);
    url.protocol = url.protocol.replace('http', 'ws');
    return runSession(
      {
        ...request,
        url,
        onHello(hello) {
          onState({ state: 'open', name: hello.session });
          for (const cursor of cursors.values()) {
            const id = cursor.pin(hello);
            if (id !== null) push({ type: 'position', channel: cursor.channel, id }, 0);
          }
          return subscribe();
        },
        onMessage(message, bytes) {
          const channel = channelOf(message);
          const cursor = isChannel(channel) ? cursors.get(channel) : undefined;
          if (cursor?.accept(message)) push(message, bytes);
          return !queue.isFull;
        },
      },
      signal,
    );
  }

  function push(message: Parameters<ChannelCursor['accept']>[0], bytes: number): void {
    queue.push({ message, bytes, session });
    onArrival();
  }

  /** What stands behind a connection that never opened: the final verdict, a wait that the relay asks for, or nothing. */
  async function askWhy(): Promise<RelayError | null> {
    const [channel] = cursors.keys();
    if (request.credentials.ticket || !channel) return null;
    const refusal = await findRefusal(deps.api, channel, signal);
    const isForbidden = refusal?.status === 403;
    // A key may lack what the question needs and yet have all that the socket needs: then the next attempt opens.
    if (refusal?.status === 401 || (isForbidden && wasForbidden)) throw refusal;
    wasForbidden = isForbidden;
    return refusal;
  }

  while (!signal.aborted) {
    if (queue.isFull) {
      onState({ state: 'paused' });
      await queue.whenDrained();
      continue;
    }
    session += 1;
    onState({ state: 'connecting', session });
    const end = await connect();
    if (end.kind === 'failed') throw end.error;
    if (end.kind !== 'lost') continue;
    const refusal = end.wasOpen ? null : await askWhy();
    if (end.wasOpen) wasForbidden = false;
    const wasHealthy = end.aliveMs >= request.reconnect.healthyMs;
    if (wasHealthy) backoff.reset();
    // Advice is for a crowd that leaves a working relay; where nothing works it must not keep the wait from growing.
    const leastMs = Math.max(end.adviceMs ?? 0, refusal?.retryAfterMs ?? 0);
    const retryInMs = wasHealthy && end.adviceMs !== null ? leastMs : Math.max(leastMs, backoff.nextMs());
    onState({ state: 'waiting', reason: refusal?.message ?? end.reason, retryInMs });
    await wait(retryInMs, signal);
  }
}
