import { WebSocket } from 'ws';
import { waitFor } from './wait-for.ts';

/** A client that knows only the wire: it records every message and every raw text, and understands none. */
export type WireMessage = { type: string; id?: string | null; channel?: string; [field: string]: unknown };

export type RelayClient = {
  messages: WireMessage[];
  /** Heartbeats that came. */
  readonly pings: number;
  /** Messages that carry an entry of the log. */
  entries(): WireMessage[];
  /** Position of the last entry or position message. */
  position(): string | null;
  send(message: unknown): void;
  sendText(text: string): void;
  waitForMessage(type: string, timeoutMs?: number): Promise<WireMessage>;
  /** Stops reading from the socket, as a stalled program would. */
  pause(): void;
  resume(): void;
  /** Cuts the connection without a goodbye. */
  cut(): void;
  close(): Promise<void>;
  closed: Promise<{ code: number; reason: string }>;
};

const entryTypes = new Set(['call_event', 'health', 'error_event', 'audit', 'request']);

export function isEntry(message: WireMessage): boolean {
  return entryTypes.has(message.type) || (message.type === 'gap' && typeof message.id === 'string');
}

export async function connectClient(
  relayUrl: string,
  apiKey: string,
  query: Record<string, string> = {},
): Promise<RelayClient> {
  const url = new URL('/relay/ws', relayUrl.replace(/^http/, 'ws'));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const socket = new WebSocket(url, 'relay.v1', { headers: { authorization: `Bearer ${apiKey}` } });
  const messages: WireMessage[] = [];
  let pings = 0;
  socket.on('ping', () => {
    pings += 1;
  });
  socket.on('message', data => messages.push(JSON.parse(String(data)) as WireMessage));
  const closed = new Promise<{ code: number; reason: string }>(resolve => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  return {
    messages,
    get pings() {
      return pings;
    },
    entries: () => messages.filter(isEntry),
    position: () => {
      const last = messages.findLast(message => isEntry(message) || message.type === 'position');
      return last?.id ?? null;
    },
    send: message => socket.send(JSON.stringify(message)),
    sendText: text => socket.send(text),
    waitForMessage: (type, timeoutMs = 10_000) =>
      waitFor(() => messages.find(message => message.type === type), { what: `a message ${type}`, timeoutMs }),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => socket.terminate(),
    close: async () => {
      socket.close();
      await closed;
    },
    closed,
  };
}
