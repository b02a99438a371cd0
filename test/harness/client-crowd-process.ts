import { setTimeout as sleep } from 'node:timers/promises';
import { startTcpProxy } from '../integration/fixtures/tcp-proxy.ts';
import type { ClientKind, CrowdSettings, Jitter } from './client-crowd.ts';
import type { ResumingClient, ResumingClientOptions } from './resuming-client.ts';

/** The process behind client-crowd.ts: runs the clients, cuts one when told, and answers with what they got. */
const { relayUrls, apiKey, size, after, kind, isKeeping, jitter } = JSON.parse(
  process.argv[2] ?? '{}',
) as CrowdSettings;
/** Only what is used is loaded: many of these processes are started. */
const LOAD: Record<ClientKind, () => Promise<(options: ResumingClientOptions) => ResumingClient>> = {
  wire: async () => (await import('./resuming-client.ts')).createResumingClient,
  library: async () => (await import('./library-client.ts')).createLibraryClient,
  'socket-io': async () => (await import('../chaos/socket-io/socket-io-client.ts')).createSocketIoClient,
};

const createClient = await LOAD[kind]();
const clients = await Promise.all(
  Array.from({ length: size }, async (_, index) => {
    const relayUrl = relayUrls[index % relayUrls.length] ?? '';
    const url = jitter === null ? relayUrl : await jitteringWay(relayUrl, jitter, index / size);
    return createClient({ relayUrl: url, apiKey, after, isKeeping });
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

interface Question {
  readonly question: number;
  readonly items?: number;
  readonly connections?: true;
}

process.on('message', (message: { cut: number } | Question) => {
  if ('cut' in message) return clients[message.cut % size]?.cut();
  process.send?.({ question: message.question, answer: answer(message) });
});

function answer({ items, connections }: Question): unknown {
  if (items !== undefined) return clients[items]?.record.items();
  const accounts = clients.map(({ record }) => record.account);
  return connections ? Uint16Array.from(accounts, account => account.connections) : accounts;
}

// Whoever started it is gone.
process.on('disconnect', () => process.exit());
