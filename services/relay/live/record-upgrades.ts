import type { IncomingMessage } from 'node:http';
import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { Problem } from '@3cx-relay/shared/wire/problem.ts';
import type { WebSocket } from 'ws';
import { type ApiKey, keyIdOf } from '../keys/validation.ts';
import { clientAddress } from '../public/client-address.ts';
import { roundMs, UNMATCHED } from '../public/record-requests.ts';
import type { RequestLog } from '../request-log.ts';

/**
 * Puts one upgrade on record: when it is decided, once more when the WebSocket ends, and once for each channel that was
 * refused meanwhile, however often it was asked for.
 */
export interface UpgradeRecord {
  /** `closeCode`: by which a connection is refused that had to be accepted to be told. */
  refused(problem: Problem, key: ApiKey | null, closeCode?: number): void;
  accepted(key: ApiKey, ws: WebSocket): void;
  /** On the open WebSocket. */
  refusedChannel(channel: Channel, key: ApiKey): void;
}

export function beginUpgradeRecord(requests: RequestLog, request: IncomingMessage, path: string): UpgradeRecord {
  const startedAt = performance.now();
  const { socket } = request;
  // Asked now: a socket that was closed does not know it any more.
  const address = clientAddress(request);
  const refusedChannels = new Set<Channel>();
  const record = (event: 'ws.upgrade' | 'ws.end' | 'ws.refuse', key: ApiKey | null, status: number): RequestRecord => ({
    event,
    endpoint: path,
    method: 'GET',
    status,
    durationMs: roundMs(performance.now() - startedAt),
    keyId: keyIdOf(key),
    client: key?.clientName ?? null,
    address,
    transport: 'ws',
  });
  return {
    refused({ code, status }, key, closeCode) {
      const endpoint = code === 'not_found' ? UNMATCHED : path;
      const more = closeCode === undefined ? {} : { closeCode };
      requests.write({ ...record('ws.upgrade', key, status), endpoint, ...more });
    },
    accepted(key, ws) {
      const sentBefore = socket.bytesWritten;
      requests.write(record('ws.upgrade', key, 101));
      ws.once('close', closeCode => {
        const bytes = socket.bytesWritten - sentBefore;
        requests.write({ ...record('ws.end', key, 101), bytes, closeCode });
      });
    },
    refusedChannel(channel, key) {
      if (refusedChannels.has(channel)) return;
      refusedChannels.add(channel);
      requests.write({ ...record('ws.refuse', key, 403), channel });
    },
  };
}
