import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { checksumOf, createDeliveryRecord, GAP_CHECKSUM } from './delivery-record.ts';
import type { ResumingClient, ResumingClientOptions } from './resuming-client.ts';

const RECONNECT = { firstMs: 100, maxMs: 2_000 };

/** The published client with its own coming back; what it hands out is what counts. Its connection is cut at a proxy. */
export function createLibraryClient(options: ResumingClientOptions): ResumingClient {
  const record = createDeliveryRecord(options.isKeeping);
  const stopping = new AbortController();
  const relay = createRelayClient({ url: options.relayUrl, apiKey: options.apiKey, reconnect: RECONNECT });
  const read = async () => {
    const items = relay.events({
      after: options.after,
      signal: stopping.signal,
      onState: ({ state }) => {
        if (state === 'open') record.account.connections += 1;
      },
    });
    for await (const item of items) {
      const { type, id, ...body } = item as { type: string; id?: string | null };
      if (typeof id !== 'string') {
        if (type === 'gap') record.takeOwnGap(JSON.stringify(item));
        continue;
      }
      const text = () => checksumOf(JSON.stringify(body).slice(1));
      record.take(Number(id.slice(-16)), !options.isKeeping || type === 'gap' ? GAP_CHECKSUM : text());
    }
  };
  read().catch(error => record.account.breaks.push(`the library gave up: ${String(error)}`));
  return { record, cut: () => undefined, stop: () => stopping.abort() };
}
