import { WebSocket } from 'ws';
import { checksumOf, createDeliveryRecord, type DeliveryRecord, GAP_CHECKSUM } from './delivery-record.ts';

/**
 * A client as its user would write it: keeps the last position, comes back with it after every interruption, and keeps
 * account of what it got. It reads ids off the text without parsing bodies, so that fifty of them do not need a machine.
 */
export type ResumingClient = {
  record: DeliveryRecord;
  /** Cuts the connection without a goodbye; it comes back by itself. */
  cut(): void;
  stop(): void;
};

export type ResumingClientOptions = { relayUrl: string; apiKey: string; after: string; isKeeping: boolean };

/** As the documents ask: growing waits, jittered. */
const RECONNECT = { firstMs: 250, maxMs: 2_000 };
const ENTRY = /^\{"type":"([a-z_]+)","id":"([0-9a-z]{8}_(\d{16}))",/;

export function createResumingClient(options: ResumingClientOptions): ResumingClient {
  const record = createDeliveryRecord(options.isKeeping);
  let after = options.after;
  let socket: WebSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let ceilingMs = RECONNECT.firstMs;

  function take(text: string): void {
    const entry = ENTRY.exec(text);
    if (!entry) {
      if (text.startsWith('{"type":"gap"')) record.takeOwnGap(text);
      return;
    }
    const [head, type, position, seq] = entry;
    const checksum = !options.isKeeping || type === 'gap' ? GAP_CHECKSUM : checksumOf(text.slice(head.length));
    record.take(Number(seq), checksum);
    after = position ?? after;
  }

  function connect(): void {
    const url = new URL('/relay/ws', options.relayUrl.replace(/^http/, 'ws'));
    url.searchParams.set('after', after);
    socket = new WebSocket(url, { headers: { authorization: `Bearer ${options.apiKey}` }, perMessageDeflate: false });
    let askedMs: number | undefined;
    socket.on('open', () => {
      ceilingMs = RECONNECT.firstMs;
      record.account.connections += 1;
    });
    socket.on('message', data => {
      const text = String(data);
      // The way down asks everybody to come back at another moment.
      const asked = /^\{"type":"reconnect","afterMs":(\d+)/.exec(text);
      if (asked) askedMs = Number(asked[1]);
      else take(text);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (isStopped) return;
      timer = setTimeout(connect, askedMs ?? Math.random() * ceilingMs);
      ceilingMs = Math.min(ceilingMs * 2, RECONNECT.maxMs);
    });
  }

  connect();
  return {
    record,
    cut: () => socket?.terminate(),
    stop() {
      isStopped = true;
      clearTimeout(timer);
      socket?.terminate();
    },
  };
}
