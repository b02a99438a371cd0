import { WebSocket } from 'ws';
import { checksumOf, createDeliveryRecord, type DeliveryRecord, GAP_CHECKSUM } from './delivery-record.ts';
import { POSITION_BYTES, readEntryHead } from './entry-head.ts';

/**
 * A client as its user would write it: keeps the last position, comes back with it after every interruption, and keeps
 * account of what it got. It reads ids off the bytes and parses nothing, so that thousands of them leave the machine to
 * those who are looked at.
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

export function createResumingClient(options: ResumingClientOptions): ResumingClient {
  const record = createDeliveryRecord(options.isKeeping);
  /** A copy of its bytes: a piece of the message would hold on to the whole chunk that came over the socket. */
  const last = Buffer.alloc(POSITION_BYTES);
  let hasPosition = false;
  let socket: WebSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let ceilingMs = RECONNECT.firstMs;
  let askedMs: number | undefined;

  function take(message: Buffer): void {
    const head = readEntryHead(message);
    if (!head) {
      takeOther(message.toString());
      return;
    }
    const isCountedOnly = !options.isKeeping || head.isGap;
    record.take(head.seq, isCountedOnly ? GAP_CHECKSUM : checksumOf(message.subarray(head.end)));
    message.copy(last, 0, head.positionAt, head.positionAt + POSITION_BYTES);
    hasPosition = true;
  }

  function takeOther(text: string): void {
    if (text.startsWith('{"type":"gap"')) record.takeOwnGap(text);
    // The way down asks everybody to come back at another moment.
    const asked = /^\{"type":"reconnect","afterMs":(\d+)/.exec(text);
    if (asked) askedMs = Number(asked[1]);
  }

  function connect(): void {
    const url = new URL('/relay/ws', options.relayUrl.replace(/^http/, 'ws'));
    url.searchParams.set('after', hasPosition ? last.toString() : options.after);
    const headers = { authorization: `Bearer ${options.apiKey}` };
    // Checksums say more about a text than that it is one.
    socket = new WebSocket(url, { headers, perMessageDeflate: false, skipUTF8Validation: true });
    askedMs = undefined;
    socket.on('open', () => {
      ceilingMs = RECONNECT.firstMs;
      record.account.connections += 1;
    });
    socket.on('message', (data: Buffer) => take(data));
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
