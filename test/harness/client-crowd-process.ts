import type { CrowdSettings } from './client-crowd.ts';
import { createLibraryClient } from './library-client.ts';
import { createResumingClient } from './resuming-client.ts';

/** The process behind client-crowd.ts: runs the clients, cuts one when told, and answers with what they got. */
const { relayUrls, apiKey, size, after, kind, isKeeping } = JSON.parse(process.argv[2] ?? '{}') as CrowdSettings;
const create = kind === 'wire' ? createResumingClient : createLibraryClient;
const clients = Array.from({ length: size }, (_, index) =>
  create({ relayUrl: relayUrls[index % relayUrls.length] ?? '', apiKey, after, isKeeping }),
);

process.on('message', (message: { cut: number } | { question: number; items?: number }) => {
  if ('cut' in message) return clients[message.cut % size]?.cut();
  const { question, items } = message;
  const answer = items === undefined ? clients.map(({ record }) => record.account) : clients[items]?.record.items();
  process.send?.({ question, answer });
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
