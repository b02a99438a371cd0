import type { Channel } from '../wire/channels.ts';
import type { NewEntry } from './entry.ts';

/** Before the name of somebody who is signed in to the panel, where the name of a key would stand. */
export const PANEL_CLIENT = 'panel:';

/** One request to the public API for channel `requests`: no query, no header, nothing that a secret could stand in. */
export interface RequestRecord {
  /**
   * `http.request`: a request that was answered. `sse.end`: an event stream that ended. `ws.upgrade`: a WebSocket that
   * was opened or refused. `ws.end`: one that was open and ended. `ws.refuse`: a channel that was refused on one that is
   * open, once for each channel.
   */
  readonly event: 'http.request' | 'sse.end' | 'ws.upgrade' | 'ws.end' | 'ws.refuse';
  /** The template of the route, for example `/relay/calls/:participant/drop`; `unmatched` where there is none. */
  readonly endpoint: string;
  readonly method: string;
  /** HTTP status. 499: the client left before it had one. */
  readonly status: number;
  readonly durationMs: number;
  /** Null without a valid key; then `client` may name somebody who is signed in to the panel. */
  readonly keyId: number | null;
  readonly client: string | null;
  readonly address: string | null;
  readonly transport: 'http' | 'sse' | 'ws';
  /** Sent to the client. */
  readonly bytes?: number;
  /** Of a WebSocket. */
  readonly closeCode?: number;
  /** Of `ws.refuse`. */
  readonly channel?: Channel;
  /** So many more requests without a key were counted, not written, before this one. */
  readonly suppressed?: number;
}

/** Readers filter by the event. */
export function requestEntry(at: number, { event, ...data }: RequestRecord): NewEntry {
  return { type: 'request', at, event, body: JSON.stringify({ at: new Date(at).toISOString(), event, data }) };
}
