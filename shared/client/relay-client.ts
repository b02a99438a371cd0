import { CHANNELS, type Channel, isChannel } from '../wire/channels.ts';
import { type Credentials, isBrowser } from './credentials.ts';
import { EventStream } from './event-stream.ts';
import type { ConnectionState, ReconnectOptions } from './link.ts';
import type { PositionStore } from './position-store.ts';
import { createRelayApi, type RelayApi } from './relay-api.ts';
import { RelayError } from './relay-error.ts';

export type RelayClientOptions = Credentials & {
  /** What stands in front of `/relay`, for example `https://pbx.example.com`. */
  readonly url: string | URL;
  /** Default: 500 ms doubling to 30 s, each jittered down to anything from 0; from the beginning after 5 s of health. */
  readonly reconnect?: Partial<ReconnectOptions>;
  /** Until the relay has greeted; default 10 s. */
  readonly connectTimeoutMs?: number;
};

export interface EventsOptions {
  /** Default `['calls']`. Several share one connection; each has its own position. */
  readonly channels?: readonly Channel[];
  /**
   * `now` (default), `start`, or a position, which belongs to one channel. Where the position store knows better, it is
   * asked first.
   */
  readonly after?: string;
  /** Filters: an entry passes when every one given matches. Gaps pass all of them. */
  readonly dn?: readonly string[];
  readonly event?: readonly string[];
  readonly call?: readonly string[];
  /** First the active calls as one item of type `snapshot`, then what changes them. Goes with `after: 'now'`. */
  readonly snapshot?: boolean;
  readonly positions?: PositionStore;
  /** Default 1000. */
  readonly saveEveryMs?: number;
  /** Ends the loop, without an error. */
  readonly signal?: AbortSignal;
  readonly onState?: (state: ConnectionState) => void;
  /** The item handed out before was the last of the past; again after each reconnect. */
  readonly onCaughtUp?: () => void;
  /** Text that may wait for a slow consumer, default 8 MiB. Past it the connection is given up until there is room. */
  readonly maxQueuedBytes?: number;
  /** Default 20 000. */
  readonly maxQueuedMessages?: number;
}

export interface RelayClient extends RelayApi {
  /**
   * Entries and gaps in the order of the log, each once, over any number of interruptions, until the loop is left.
   *
   * @throws RelayError (from the loop) when coming back is of no use: the key is not valid, was revoked or lacks a
   * permission, the position is none. Everything that was received before is handed out first.
   */
  events(options?: EventsOptions): EventStream;
}

const MIB = 1024 * 1024;

/**
 * A client of the relay, for Node 22 and later and for browsers.
 *
 * ```ts
 * const relay = createRelayClient({ url: 'http://127.0.0.1:8082', apiKey });
 * for await (const item of relay.events({ after: 'start', dn: ['101'] })) {
 *   if (item.type === 'gap') console.warn('missing:', item.reason, item.lost);
 *   else if (item.type === 'call_event') console.log(item.event, item.call?.callId);
 * }
 * ```
 */
export function createRelayClient(options: RelayClientOptions): RelayClient {
  const url = new URL(options.url);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RelayError('invalid_options', 'url: must begin with http:// or https://', { field: 'url' });
  }
  if (!options.apiKey && !options.ticket) {
    throw new RelayError('invalid_options', 'apiKey: is required, or ticket in a browser', { field: 'apiKey' });
  }
  const api = createRelayApi(url, options.apiKey);
  return {
    ...api,
    events(wanted = {}) {
      if (options.apiKey !== undefined && isBrowser()) {
        throw new RelayError('invalid_options', 'apiKey: a browser cannot send it on a WebSocket; use ticket', {
          field: 'apiKey',
        });
      }
      return new EventStream(toStreamRequest(url, options, wanted), { api });
    },
  };
}

function toStreamRequest(url: URL, options: RelayClientOptions, wanted: EventsOptions) {
  const { dn, event, call, after = 'now', snapshot = false } = wanted;
  const channels = [...new Set(wanted.channels ?? (['calls'] as const))];
  const refuse = (field: string, message: string) => {
    throw new RelayError('invalid_options', `${field}: ${message}`, { field });
  };
  if (channels.length === 0) refuse('channels', 'must name at least one');
  const unknown = channels.find(channel => !isChannel(channel));
  if (unknown !== undefined) refuse('channels', `"${unknown}" is none of ${CHANNELS.join(', ')}`);
  if (channels.length > 1 && after !== 'now' && after !== 'start') {
    refuse('after', 'a position belongs to one channel: use "start", "now", or a position store');
  }
  if (snapshot && (after !== 'now' || !channels.includes('calls'))) {
    refuse('snapshot', 'is of calls, and starts at now: leave "after" out');
  }
  return {
    url,
    credentials: options.ticket ? { ticket: options.ticket } : { apiKey: options.apiKey },
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    reconnect: { firstMs: 500, maxMs: 30_000, healthyMs: 5_000, ...options.reconnect },
    channels,
    after,
    snapshot,
    filters: { ...(dn && { dn: [...dn] }), ...(event && { event: [...event] }), ...(call && { call: [...call] }) },
    positions: wanted.positions,
    saveEveryMs: wanted.saveEveryMs ?? 1_000,
    queue: { maxBytes: wanted.maxQueuedBytes ?? 8 * MIB, maxMessages: wanted.maxQueuedMessages ?? 20_000 },
    signal: wanted.signal,
    onState: wanted.onState,
    onCaughtUp: wanted.onCaughtUp,
  };
}
