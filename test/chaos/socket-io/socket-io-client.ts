import { io } from 'socket.io-client';
import { createDeliveryRecord, GAP_CHECKSUM } from '../../harness/delivery-record.ts';
import type { ResumingClient, ResumingClientOptions } from '../../harness/resuming-client.ts';

const RECONNECT_MS = 100;

/** What Socket.IO's own client gets, with its own way to come back. */
export function createSocketIoClient({ relayUrl, isKeeping }: ResumingClientOptions): ResumingClient {
  const record = createDeliveryRecord(isKeeping);
  const socket = io(relayUrl, {
    transports: ['websocket'],
    ...{ reconnectionDelay: RECONNECT_MS, reconnectionDelayMax: RECONNECT_MS * 5 },
  });
  socket.on('connect', () => {
    record.account.connections += 1;
  });
  socket.on('event', (n: number) => record.take(n, GAP_CHECKSUM));
  return { record, cut: () => socket.io.engine.close(), stop: () => socket.close() };
}
