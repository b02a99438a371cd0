import { request } from 'node:https';
import { WebSocket } from 'ws';

/** The web server of a machine, whose certificate nobody knows. */
export interface Web {
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>;
  /** Messages of the event socket, from the beginning of `calls` or after a position. */
  events(apiKey: string, after?: string): { readonly ids: string[]; readonly gaps: number; stop(): void };
}

const TIMEOUT_MS = 20_000;

export function createWeb(address: string, publicPath: string): Web {
  const options = { host: address, port: 443, rejectUnauthorized: false, servername: 'pbx.example.com' };
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
      const ids: string[] = [];
      const seen = { ids, gaps: 0 };
      let [socket, isStopped]: [WebSocket | undefined, boolean] = [undefined, false];
      const connect = () => {
        const position = ids.at(-1) ?? after;
        socket = new WebSocket(`wss://${address}${publicPath}/relay/ws?channels=calls&after=${position}`, {
          rejectUnauthorized: false,
          headers: { authorization: `Bearer ${apiKey}` },
        });
        socket.on('message', data => {
          const message = JSON.parse(String(data));
          if (message.type === 'gap') seen.gaps += 1;
          if (message.type === 'call_event') ids.push(message.id);
        });
        socket.on('error', () => undefined);
        socket.on('close', () => isStopped || setTimeout(connect, 200));
      };
      connect();
      return {
        ids,
        get gaps() {
          return seen.gaps;
        },
        stop() {
          isStopped = true;
          socket?.close();
        },
      };
    },
  };
}
