import { WebSocket } from 'ws';

/**
 * A client as its user would write it: keeps the last position, comes back with it after every interruption, and keeps
 * account of what it got. It reads ids off the text without parsing bodies, so that fifty of them do not need a machine.
 */
export type ClientAccount = {
  connections: number;
  received: number;
  firstSeq: number;
  lastSeq: number;
  /** Entries that did not follow the one before: lost, doubled or out of order. The first few. */
  breaks: string[];
  /** Gaps that are no entries: what this client alone was told to have missed. */
  ownGaps: string[];
};

export type ResumingClient = {
  account: ClientAccount;
  /** Cuts the connection without a goodbye; it comes back by itself. */
  cut(): void;
  stop(): void;
};

const RECONNECT_MS = 100;
const KEPT = 10;
const ENTRY = /^\{"type":"([a-z_]+)","id":"([0-9a-z]{8}_(\d{16}))",/;

export function createResumingClient(relayUrl: string, apiKey: string, from = 'start'): ResumingClient {
  const account: ClientAccount = { connections: 0, received: 0, firstSeq: 0, lastSeq: 0, breaks: [], ownGaps: [] };
  let after = from;
  let socket: WebSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function take(text: string): void {
    const entry = ENTRY.exec(text);
    if (!entry) {
      if (text.startsWith('{"type":"gap"') && account.ownGaps.length < KEPT) account.ownGaps.push(text);
      return;
    }
    const seq = Number(entry[3]);
    if (account.received === 0) account.firstSeq = seq;
    else if (seq !== account.lastSeq + 1 && account.breaks.length < KEPT)
      account.breaks.push(`${seq} after ${account.lastSeq}`);
    account.received += 1;
    account.lastSeq = seq;
    after = entry[2] ?? after;
  }

  function connect(): void {
    const url = new URL('/relay/ws', relayUrl.replace(/^http/, 'ws'));
    url.searchParams.set('after', after);
    socket = new WebSocket(url, { headers: { authorization: `Bearer ${apiKey}` }, perMessageDeflate: false });
    socket.on('open', () => {
      account.connections += 1;
    });
    socket.on('message', data => take(String(data)));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!isStopped) timer = setTimeout(connect, RECONNECT_MS);
    });
  }

  connect();
  return {
    account,
    cut: () => socket?.terminate(),
    stop() {
      isStopped = true;
      clearTimeout(timer);
      socket?.terminate();
    },
  };
}
