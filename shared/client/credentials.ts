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

const SUBPROTOCOL = 'relay.v1';

/** The standard has no headers; the WebSocket of Node (and of Bun and Deno) takes them beside the protocols. */
type SocketWithHeaders = new (url: URL, options: { protocols: string[]; headers: Record<string, string> }) => WebSocket;

/** How to open one connection: a ticket is good for one, and has to be got first. */
export type Pass = { readonly apiKey: string } | { readonly ticket: string };

export async function createPass(credentials: Credentials): Promise<Pass> {
  return credentials.ticket ? { ticket: await credentials.ticket() } : { apiKey: credentials.apiKey };
}

/** Listeners have to be set in the same turn: some attempts fail before the next. */
export function openSocket(url: URL, pass: Pass): WebSocket {
  if ('ticket' in pass) return new WebSocket(url, [SUBPROTOCOL, `ticket.${pass.ticket}`]);
  const headers = { authorization: `Bearer ${pass.apiKey}` };
  return new (WebSocket as unknown as SocketWithHeaders)(url, { protocols: [SUBPROTOCOL], headers });
}

export function isBrowser(): boolean {
  return 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
}
