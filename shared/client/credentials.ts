/**
 * How the client says who it is. A key goes into a header, which no browser can set on a WebSocket and no page should
 * know; a browser therefore brings a ticket, good for one connection, that its own server got for it.
 */
export type Credentials =
  | { readonly apiKey: string; readonly ticket?: undefined }
  | {
      /**
       * Gets a fresh ticket; called before each connection. What it throws is a lost connection, and tried again, unless it
       * is a `RelayError` with `reconnect: false`.
       */
      readonly ticket: () => Promise<string>;
      readonly apiKey?: undefined;
    };

/** Many messages in a frame, one on each line: a frame costs a client more than a message. Then what every relay speaks. */
const LINES = 'relay.v1.ndjson';
const SUBPROTOCOLS = [LINES, 'relay.v1'];

/** The standard has no headers; the WebSocket of Node (and of Bun and Deno) takes them beside the protocols. */
type SocketWithHeaders = new (url: URL, options: { protocols: string[]; headers: Record<string, string> }) => WebSocket;

/** How to open one connection: a ticket is good for one, and has to be got first. */
export type Pass = { readonly apiKey: string } | { readonly ticket: string };

export async function createPass(credentials: Credentials): Promise<Pass> {
  return credentials.ticket ? { ticket: await credentials.ticket() } : { apiKey: credentials.apiKey };
}

/** Listeners have to be set in the same turn: some attempts fail before the next. */
export function openSocket(url: URL, pass: Pass): WebSocket {
  if ('ticket' in pass) return new WebSocket(url, [...SUBPROTOCOLS, `ticket.${pass.ticket}`]);
  const headers = { authorization: `Bearer ${pass.apiKey}` };
  return new (WebSocket as unknown as SocketWithHeaders)(url, { protocols: SUBPROTOCOLS, headers });
}

/** The messages of a frame, as the relay agreed to send them. */
export function messagesIn(frame: string, { protocol }: Pick<WebSocket, 'protocol'>): string[] {
  return protocol === LINES ? frame.split('\n').filter(line => line !== '') : [frame];
}

export function isBrowser(): boolean {
  return 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
}
