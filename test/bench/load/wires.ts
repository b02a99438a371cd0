import { clientFrame, upgradeRequest } from './client-frame.ts';

/** How a client speaks to one kind of server; plain data, so that it can be told to another process. */
export type WireName = 'relay' | 'websocket' | 'socket.io' | 'nats' | 'jetstream';

export interface WireTarget {
  readonly wire: WireName;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a client of NATS: what it listens to; of JetStream: from where on. */
  readonly subject?: string;
  readonly stream?: string;
  readonly from?: 'all' | 'new';
}

/** The part of a client that knows the protocol. Everything that comes is also scanned for events, by others. */
export interface Wire {
  readonly request: string;
  /** What is to be answered to a chunk, and whether the client is now subscribed. */
  take(text: () => string): { answer: Buffer | null; isReady: boolean };
  /** Said every ten seconds, so that nobody takes the client for dead. */
  readonly sign: Buffer | null;
}

const UPGRADED = 'HTTP/1.1 101';
let inboxes = 0;

export function createWire(target: WireTarget): Wire {
  const request = upgradeRequest(target.path, target.headers);
  switch (target.wire) {
    case 'relay':
      return { request, sign: clientFrame('', 'pong'), take: text => ready(text().includes('"caught_up"')) };
    case 'websocket':
      return { request, sign: clientFrame('', 'pong'), take: text => ready(text().includes(UPGRADED)) };
    case 'socket.io':
      return { request, sign: clientFrame('3'), take: socketIo };
    case 'nats':
    case 'jetstream':
      return natsWire(target, request);
  }
}

function ready(isReady: boolean): { answer: null; isReady: boolean } {
  return { answer: null, isReady };
}

/** Engine.IO opens (`0{…}`), then the client joins the namespace (`40`) and is told its session. */
function socketIo(text: () => string): { answer: Buffer | null; isReady: boolean } {
  const chunk = text();
  if (chunk.includes('40{"sid"')) return { answer: null, isReady: true };
  return { answer: chunk.includes('0{"sid"') ? clientFrame('40') : null, isReady: false };
}

/**
 * NATS in its text protocol over WebSocket. A client of JetStream makes an ordered push consumer as the libraries do:
 * flow control, idle heartbeats and no acknowledgements; flow control is answered, or the server stops sending.
 */
function natsWire(target: WireTarget, request: string): Wire {
  inboxes += 1;
  const inbox = `_INBOX.bench${process.pid}.${inboxes}`;
  let hasGreeted = false;
  let isReady = false;
  const connect = 'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n';
  return {
    request,
    sign: null,
    take(text) {
      const chunk = text();
      let answer = '';
      if (!hasGreeted && chunk.includes('INFO ')) {
        hasGreeted = true;
        answer += connect;
        if (target.wire === 'nats') answer += `SUB ${target.subject} 1\r\nPING\r\n`;
        else answer += `SUB ${inbox}.d 1\r\nSUB ${inbox}.a 2\r\n${createConsumer(target, inbox)}`;
      }
      if (chunk.includes('PING\r\n')) answer += 'PONG\r\n';
      if (chunk.includes('FlowControl Request')) {
        for (const [, reply] of chunk.matchAll(/HMSG \S+ 1 (\$JS\.FC\.\S+) /g)) answer += `PUB ${reply} 0\r\n\r\n`;
      }
      if (hasGreeted && chunk.includes('"type":"io.nats.jetstream.api.v1.consumer_create_response"')) {
        if (chunk.includes('"error"')) throw new Error(`JetStream refuses a consumer: ${chunk}`);
        isReady = true;
      }
      if (hasGreeted && target.wire === 'nats' && chunk.includes('PONG\r\n')) isReady = true;
      return { answer: answer === '' ? null : clientFrame(answer), isReady };
    },
  };
}

function createConsumer(target: WireTarget, inbox: string): string {
  const config = {
    deliver_subject: `${inbox}.d`,
    deliver_policy: target.from ?? 'new',
    ack_policy: 'none',
    max_deliver: 1,
    replay_policy: 'instant',
    flow_control: true,
    idle_heartbeat: 5_000_000_000,
    mem_storage: true,
    num_replicas: 1,
  };
  const body = JSON.stringify({ stream_name: target.stream, config });
  return `PUB $JS.API.CONSUMER.CREATE.${target.stream} ${inbox}.a ${body.length}\r\n${body}\r\n`;
}
