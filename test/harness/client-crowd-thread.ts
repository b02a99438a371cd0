import { parentPort, workerData } from 'node:worker_threads';
import { createResumingClient } from './resuming-client.ts';

/** The thread behind client-crowd.ts: runs the clients, cuts one when told, and answers with their accounts. */
const { relayUrl, apiKey, size, after } = workerData as {
  relayUrl: string;
  apiKey: string;
  size: number;
  after: string;
};
const clients = Array.from({ length: size }, () => createResumingClient(relayUrl, apiKey, after));

parentPort?.on('message', (message: { cut: number } | { report: number }) => {
  if ('cut' in message) clients[message.cut % size]?.cut();
  else parentPort?.postMessage({ report: message.report, accounts: clients.map(({ account }) => account) });
});
