import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KEEP_ALIVE_MS } from '@3cx-relay/shared/runtime/keep-alive.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { AddressList } from '../keys/address-list.ts';
import { markProxy } from './client-address.ts';
import { limitHalfOpen } from './half-open.ts';
import { refuseBrokenRequests, requireHost, requireTarget } from './refuse-broken-requests.ts';

const FINISH_REQUESTS_MS = 1_000;
/** Browsers and HTTP clients open connections ahead of requests; what came in with the last of them is read by then. */
const SILENT_FOR_MS = 100;
/**
 * How many connections may wait to be taken, as far as the kernel lets (net.core.somaxconn). With Node's 511 a crowd that
 * comes back at once meets silence, and TCP tries again after one, three and seven seconds.
 */
const WAITING_CONNECTIONS = 4_096;

/** What is sent in this time is a request; the largest body is 64 KiB. Node's own would be one minute and five. */
const HEADERS_WITHIN_MS = 20_000;
const REQUEST_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 5_000;

/** Another upgrade than to a WebSocket may be offered, and need not be taken: curl --http2 does so. */
const isWebSocket = ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket';

export type HttpServer = {
  readonly server: Server;
  /**
   * Requests under way, those woken from a wait among them, get their answer; a connection without one is closed. Resolves when
   * none is left, at the latest after a second.
   */
  finishRequests(): Promise<void>;
};

/** The one server of the process; what is not HTTP at all is refused here, before anybody is asked. */
export function createHttpServer(
  answer: RequestListener,
  options: { trustedProxies?: AddressList; maxHalfOpen: number; logger: Logger },
): HttpServer {
  const { trustedProxies, maxHalfOpen, logger } = options;
  const times = {
    headersTimeout: HEADERS_WITHIN_MS,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: LOOK_EVERY_MS,
  };
  const server = createServer(
    { ...times, shouldUpgradeCallback: isWebSocket, requireHostHeader: false },
    requireHost(requireTarget(answer)),
  );
  const halfOpen = limitHalfOpen(server, { max: maxHalfOpen, logger });
  if (trustedProxies) server.on('connection', socket => markProxy(socket, trustedProxies));
  refuseBrokenRequests(server);

  return {
    server,
    async finishRequests() {
      const startedAt = performance.now();
      for (;;) {
        const passedMs = performance.now() - startedAt;
        if (passedMs > FINISH_REQUESTS_MS) return;
        server.closeIdleConnections();
        if (passedMs > SILENT_FOR_MS) halfOpen.closeSilent();
        const open = await new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)));
        if (open === 0) return;
        await sleep(10);
      }
    },
  };
}

/** Returns the port. @throws OperatorError `LISTEN_FAILED` */
export async function listen(server: Server, { HOST, PORT }: { HOST: string; PORT: number }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `${HOST}:${PORT}`;
      const why =
        cause.code === 'EADDRINUSE'
          ? `${where} is in use: stop the other program or set PORT to a free port`
          : `cannot listen on ${where}: ${cause.message}`;
      reject(new OperatorError('LISTEN_FAILED', why, { cause }));
    });
    server.listen({ port: PORT, host: HOST, backlog: WAITING_CONNECTIONS }, resolve);
  });
  return (server.address() as AddressInfo).port;
}
