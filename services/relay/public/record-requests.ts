import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import type { RouterContext } from '@koa/router';
import type { Context, Middleware } from 'koa';
import { keyIdOf } from '../keys/validation.ts';
import type { RequestLog } from '../request-log.ts';
import { clientAddress } from './client-address.ts';
import type { RelayState } from './require-permission.ts';

export const UNMATCHED = 'unmatched';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** As proxies call it: the client left before there was a status. */
const CLIENT_LEFT = 499;

/**
 * Puts every request on record once its answer has ended, however it ended. To stand before everything else. An event
 * stream is known by its content type as Koa knows it (`context.type`, `context.set`; not `res.writeHead`).
 */
export function recordRequests(requests: RequestLog): Middleware<RelayState> {
  return (context, next) => {
    const startedAt = performance.now();
    const { socket } = context.req;
    const sentBefore = socket.bytesWritten;
    // Asked now: a socket that was closed does not know it any more.
    const address = clientAddress(context.req);
    context.res.once('close', () => {
      const record = toRecord(context, {
        address,
        durationMs: roundMs(performance.now() - startedAt),
        sent: socket.bytesWritten - sentBefore,
      });
      // The files of the panel and the preflights of browsers are no requests to the API.
      if (record.endpoint === UNMATCHED && record.status < 400) return;
      if (readsRequests(context, record)) requests.count(record);
      else requests.write(record);
    });
    return next();
  };
}

export function roundMs(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function toRecord(
  context: Context & { state: RelayState },
  measured: { address: string | null; durationMs: number; sent: number },
): RequestRecord {
  const { key } = context.state;
  const isStream = context.response.type === 'text/event-stream';
  return {
    event: isStream ? 'sse.end' : 'http.request',
    endpoint: endpointOf(context as Partial<RouterContext>),
    method: METHODS.has(context.method) ? context.method : 'OTHER',
    status: context.res.headersSent ? context.res.statusCode : CLIENT_LEFT,
    durationMs: measured.durationMs,
    keyId: keyIdOf(key),
    client: key?.clientName ?? null,
    address: measured.address,
    transport: isStream ? 'sse' : 'http',
    // Of a connection on which requests follow each other without waiting, the difference would count others too.
    bytes: context.method === 'HEAD' ? 0 : (context.response.length ?? measured.sent),
  };
}

/** Of a method that the path does not have, the path's own template is meant; what has no method is no route. */
function endpointOf({ _matchedRoute, matched }: Partial<RouterContext>): string {
  const route = matched?.findLast(({ methods }) => methods.length > 0);
  return String((route && _matchedRoute) ?? route?.path ?? UNMATCHED);
}

/**
 * Somebody who waits for the next entry of `requests` would be woken by the entry about himself, and wait again, for
 * ever. Only when it succeeded: a stranger must not keep out of the log by naming this channel.
 */
function readsRequests({ query, params }: Context, { client, status, event }: RequestRecord): boolean {
  if (client === null || status >= 400 || event !== 'http.request') return false;
  const { channel, channels } = { ...query, ...(params as Record<string, string> | undefined) };
  return [channel, channels].flat().some(names => names?.split(',').includes('requests'));
}
