import { request } from 'node:https';
import { WebSocket } from 'ws';

/** The web server of a machine, whose certificate nobody knows. */
export interface Web {
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>;
  /** Entries of `calls` from the socket, from its beginning or after a position; cut off, it comes back with its own. */
  events(apiKey: string, after?: string): Events;
}

interface Events {
  /** Gaps of the log are entries, too. */
  readonly messages: Entry[];
  /** Of gaps that concern this client alone: each is a promise that was broken. */
  readonly losses: string[];
  stop(): void;
}

interface Entry {
  readonly id: string;
  readonly type: string;
  /** ISO 8601. */
  readonly at: string;
}

const TIMEOUT_MS = 60_000;
const RECONNECT_MS = 200;

export function createWeb(address: string, publicPath: string, port = 443): Web {
  const options = { host: address, port, rejectUnauthorized: false, servername: 'pbx.example.com' };
  return {
    ask(method, path, { body, headers = {} } = {}) {
      const json = body === undefined ? undefined : JSON.stringify(body);
      return new Promise((resolve, reject) => {
        const sent = request(
          {
            ...options,
            ...{ method, path: `${publicPath}${path}`, timeout: TIMEOUT_MS },
            headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
          },
          answer => {
            let text = '';
            answer.setEncoding('utf8').on('data', chunk => {
              text += chunk;
            });
            answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
          },
        );
        sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`${path} took too long`)));
        sent.end(json);
      });
    },
    events(apiKey, after = 'start') {
      const messages: Entry[] = [];
      const losses: string[] = [];
      let [socket, isStopped]: [WebSocket | undefined, boolean] = [undefined, false];
      const connect = () => {
        const position = messages.at(-1)?.id ?? after;
        socket = new WebSocket(`wss://${address}:${port}${publicPath}/relay/ws?channels=calls&after=${position}`, {
          rejectUnauthorized: false,
          headers: { authorization: `Bearer ${apiKey}` },
        });
        socket.on('message', data => {
          const message = JSON.parse(String(data));
          if (message.type !== 'call_event' && message.type !== 'gap') return;
          if (message.id === undefined) losses.push(message.reason);
          else messages.push(message);
        });
        socket.on('error', () => undefined);
        socket.on('close', () => isStopped || setTimeout(connect, RECONNECT_MS));
      };
      connect();
      return {
        messages,
        losses,
        stop() {
          isStopped = true;
          socket?.close();
        },
      };
    },
  };
}
