import { setTimeout as sleep } from 'node:timers/promises';
import { createSocketIoClient } from '../chaos/socket-io/socket-io-client.ts';
import { startTcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import type { ClientKind, CrowdSettings, Jitter } from './client-crowd.ts';
import { createLibraryClient } from './library-client.ts';
import { createResumingClient, type ResumingClient, type ResumingClientOptions } from './resuming-client.ts';

/** The process behind client-crowd.ts: runs the clients, cuts one when told, and answers with what they got. */
const { relayUrls, apiKey, size, after, kind, isKeeping, jitter } = JSON.parse(
  process.argv[2] ?? '{}',
) as CrowdSettings;
const CREATE: Record<ClientKind, (options: ResumingClientOptions) => ResumingClient> = {
  wire: createResumingClient,
  library: createLibraryClient,
  'socket-io': createSocketIoClient,
};

const clients = await Promise.all(
  Array.from({ length: size }, async (_, index) => {
    const relayUrl = relayUrls[index % relayUrls.length] ?? '';
    const url = jitter === null ? relayUrl : await jitteringWay(relayUrl, jitter, index / size);
    return CREATE[kind]({ relayUrl: url, apiKey, after, isKeeping });
  }),
);

/** Of all clients one after the other is cut, not all at once. */
async function jitteringWay(relayUrl: string, { everyMs, offlineMs }: Jitter, share: number): Promise<string> {
  const way = await startTcpProxy(relayUrl);
  void (async () => {
    await sleep(everyMs * share);
    for (;;) {
      await sleep(everyMs);
      await way.cut();
      await sleep(offlineMs);
      await way.restore();
    }
  })();
  return way.url;
}

process.on('message', (message: { cut: number } | { question: number; items?: number }) => {
  if ('cut' in message) return clients[message.cut % size]?.cut();
  const { question, items } = message;
  const answer = items === undefined ? clients.map(({ record }) => record.account) : clients[items]?.record.items();
  process.send?.({ question, answer });
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
