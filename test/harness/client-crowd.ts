import { Worker } from 'node:worker_threads';
import type { ClientAccount } from './resuming-client.ts';

/** Many resuming clients on a thread of their own, so that what they read does not delay whoever steers the test. */
export type ClientCrowd = {
  cut(index: number): void;
  accounts(): Promise<ClientAccount[]>;
  stop(): Promise<void>;
};

export function createClientCrowd(relayUrl: string, apiKey: string, size: number, after = 'start'): ClientCrowd {
  const thread = new Worker(new URL('./client-crowd-thread.ts', import.meta.url), {
    workerData: { relayUrl, apiKey, size, after },
  });
  const failed = new Promise<never>((_, reject) => thread.once('error', reject));
  failed.catch(() => undefined);
  let reports = 0;
  return {
    cut: index => thread.postMessage({ cut: index }),
    accounts() {
      reports += 1;
      const report = reports;
      const answered = new Promise<ClientAccount[]>(resolve => {
        const take = (message: { report: number; accounts: ClientAccount[] }) => {
          if (message.report !== report) return;
          thread.off('message', take);
          resolve(message.accounts);
        };
        thread.on('message', take);
      });
      thread.postMessage({ report });
      return Promise.race([answered, failed]);
    },
    stop: async () => void (await thread.terminate()),
  };
}
