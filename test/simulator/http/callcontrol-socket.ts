import type { IncomingMessage, Server } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { FaultDesk } from '../faults/fault-desk.ts';
import type { SocketHub } from '../feed/socket-hub.ts';
import { type ClientRegister, monitors } from '../pbx/client-register.ts';
import type { TokenOffice } from '../pbx/tokens.ts';

type SocketDeps = {
  server: Server;
  tokens: TokenOffice;
  register: ClientRegister;
  hub: SocketHub;
  faults: FaultDesk;
  /** A request that arrived over the socket, to be answered on the same socket only. */
  onRequest: (asker: { socketId: number; clientId: string }, text: string) => void;
};

const MAX_REQUEST_BYTES = 1024 * 1024;
const SOCKET_PATH = '/callcontrol/ws';

/**
 * `wss://…/callcontrol/ws`: Bearer in the upgrade request or a plain 401 before it; a token in the query does not count
 * (3cx.md C4); `socketScheme` turns it into one that takes Basic and nothing else. No hello, no subscription: frames flow once connected. Pings of the client are answered by the hub,
 * which can be told to fall silent.
 */
export function attachCallControlSocket({ server, tokens, register, hub, faults, onRequest }: SocketDeps): {
  stop(): void;
} {
  const sockets = new WebSocketServer({ noServer: true, autoPong: false, maxPayload: MAX_REQUEST_BYTES });

  const hanging = new Set<Duplex>();

  server.on('upgrade', (request: IncomingMessage, wire: Duplex, head: Buffer) => {
    wire.on('error', () => wire.destroy());
    if (new URL(request.url ?? '/', 'http://pbx').pathname !== SOCKET_PATH) return refuse(wire, 404);
    if (faults.take(['refuse-upgrade'], SOCKET_PATH)) return void wire.destroy();
    if (faults.take(['hang-upgrade'], SOCKET_PATH)) {
      hanging.add(wire);
      wire.once('close', () => hanging.delete(wire));
      return;
    }
    const rejection = faults.take(['reject-upgrade'], SOCKET_PATH);
    if (rejection) return refuse(wire, rejection.status);
    const bearer = tokens.acceptSocket(request.headers.authorization);
    if (!bearer) return refuse(wire, 401);
    const refusal = register.refusalOf(bearer.client);
    if (refusal !== null) return refuse(wire, refusal);
    sockets.handleUpgrade(request, wire, head, socket => {
      const { client, token } = bearer;
      const sees = (dn: string) => {
        const now = register.get(client.id);
        return now !== undefined && monitors(now, dn);
      };
      const socketId = hub.add(socket, wire, { token, clientNumber: register.numberOf(client), sees });
      socket.on('message', message => onRequest({ socketId, clientId: client.id }, message.toString()));
    });
  });

  return {
    /** The server's own close does not know of connections whose upgrade nobody answered. */
    stop() {
      for (const wire of hanging) wire.destroy();
    },
  };
}

function refuse(wire: Duplex, status: number): void {
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer\r\n' : '';
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`;
  // The server lets a peer keep its half open; without this a client that never closes would hold our shutdown up.
  wire.once('finish', () => wire.destroy());
  wire.end(`${head}\r\n${challenge}Content-Length: 0\r\nConnection: close\r\n\r\n`);
}
