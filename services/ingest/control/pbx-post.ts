import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';

/**
 * One POST to the PBX, of which the caller learns whether it may have been executed.
 *
 * That is decided by the connection: before it stands (name, TCP, TLS) nothing can have been sent. Hence no kept
 * connections, where a request may die on a socket that the PBX has just closed and nobody can say whether it was read;
 * and hence not axios, which does not tell the moments apart.
 */
export type Posted =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  /** Nothing left this process. */
  | { readonly kind: 'not_sent'; readonly message: string }
  /** Sent, at least in part, and no answer that could be read. */
  | { readonly kind: 'no_answer'; readonly message: string };

export interface PbxPost {
  post(path: string, request: { authorization: string; body: object }): Promise<Posted>;
  stop(): void;
}

export interface PbxPostOptions {
  /** For the whole exchange, the connection included. */
  readonly timeoutMs: number;
  readonly maxSockets: number;
}

const MAX_ANSWER_BYTES = 256 * 1024;

export function createPbxPost(baseUrl: string, options: PbxPostOptions): PbxPost {
  const base = new URL(baseUrl);
  const isTls = base.protocol === 'https:';
  const agentOptions = { keepAlive: false, maxSockets: options.maxSockets };
  const agent = isTls ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const start = isTls ? httpsRequest : httpRequest;
  const target = {
    agent,
    hostname: base.hostname.replace(/^\[|\]$/g, ''),
    port: base.port || (isTls ? 443 : 80),
  };
  const prefix = base.pathname.replace(/\/+$/, '');

  return {
    async post(path, { authorization, body }) {
      const text = JSON.stringify(body);
      const request = start({
        ...target,
        method: 'POST',
        path: prefix + path,
        signal: AbortSignal.timeout(options.timeoutMs),
        headers: {
          authorization,
          // An agent whose sockets are bounded would hand them on to those who wait, whatever it is told of keepAlive.
          connection: 'close',
          accept: 'application/json',
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        },
      });
      const isConnected = watchConnection(request, isTls);
      try {
        const response = await answerOf(request, text);
        return { kind: 'answered', status: response.statusCode ?? 0, text: await readText(response) };
      } catch (error) {
        const isTimeout = error instanceof Error && error.name === 'AbortError';
        const message = isTimeout ? `no answer within ${options.timeoutMs} ms` : messageOf(error);
        return { kind: isConnected() ? 'no_answer' : 'not_sent', message };
      }
    },
    stop() {
      agent.destroy();
    },
  };
}

/** Of a TLS connection the request is written after the handshake only. */
function watchConnection(request: ClientRequest, isTls: boolean): () => boolean {
  let isConnected = false;
  request.once('socket', socket => {
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      isConnected = true;
    });
  });
  return () => isConnected;
}

function answerOf(request: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', resolve);
    request.end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return text;
}
