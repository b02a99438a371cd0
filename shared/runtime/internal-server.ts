import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { KEEP_ALIVE_MS } from './keep-alive.ts';

/** Why a process should get no work right now; empty when ready. */
export type ReadinessCheck = () => readonly string[];

export interface InternalServer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * `/livez`, `/readyz` and `/metrics` on a loopback port of their own: probes and scrapes neither need a key nor share
 * a listener with clients.
 */
export async function createInternalServer(options: {
  port: number;
  host?: string;
  registry: Registry;
  readiness: ReadinessCheck;
}): Promise<InternalServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (request, response) => {
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, {
        'content-type': type,
        'cache-control': 'no-store',
      });
      response.end(body);
    };
    try {
      switch (request.url) {
        case '/livez':
          return send(200, 'application/json', '{"status":"ok"}');
        case '/readyz': {
          const reasons = options.readiness();
          return send(
            reasons.length === 0 ? 200 : 503,
            'application/json',
            JSON.stringify({
              status: reasons.length === 0 ? 'ready' : 'not ready',
              reasons,
            }),
          );
        }
        case '/metrics':
          return send(200, options.registry.contentType, await options.registry.metrics());
        default:
          return send(404, 'application/json', '{"error":"known paths are /livez, /readyz and /metrics"}');
      }
    } catch {
      send(500, 'application/json', '{"error":"metrics could not be collected"}');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
