import { WebSocket } from 'ws';
import { waitFor } from './wait-for.ts';

/**
 * A client as its user would write it: keeps the last position, comes back with it after every interruption, and
 * records what it got. It reads ids off the text without parsing bodies, so that fifty of them do not need a machine.
 */
export type ResumingClient = {
  /** Positions of all entries received, in the order in which they came, over all connections. */
  ids: string[];
  /** Gaps that are no entries: what this client alone missed. */
  ownGaps: string[];
  connections: number;
  /** Cuts the connection without a goodbye; it comes back by itself. */
  cut(): void;
  stop(): Promise<void>;
};

const RECONNECT_MS = 100;
const ENTRY = /^\{"type":"([a-z_]+)","id":"([0-9a-z]{8}_\d{16})",/;

export function createResumingClient(relayUrl: string, apiKey: string): ResumingClient {
  let socket: WebSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isOpen = false;

  const client: ResumingClient = {
    ids: [],
    ownGaps: [],
    connections: 0,
    cut: () => socket?.terminate(),
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      socket?.terminate();
      await waitFor(() => !isOpen, { what: 'the client to be closed' });
    },
  };

  function connect(): void {
    const url = new URL('/relay/ws', relayUrl.replace(/^http/, 'ws'));
    url.searchParams.set('after', client.ids.at(-1) ?? 'start');
    socket = new WebSocket(url, { headers: { authorization: `Bearer ${apiKey}` }, perMessageDeflate: false });
    socket.on('open', () => {
      client.connections += 1;
      isOpen = true;
    });
    socket.on('message', data => {
      const text = String(data);
      const entry = ENTRY.exec(text);
      if (entry?.[2] && entry[1] !== 'caught_up') client.ids.push(entry[2]);
      else if (text.startsWith('{"type":"gap"')) client.ownGaps.push(text);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      isOpen = false;
      if (!isStopped) timer = setTimeout(connect, RECONNECT_MS);
    });
  }

  connect();
  return client;
}
