import { type Servers, useServers } from '../../harness/infra-access.ts';
import { playSeed, type SeedOrder, type SeedPlayed } from './play-seed.ts';

/** Plays the seeds that it is sent, each as it comes, and answers each with what became of it; ends with its parent. */

export type ToPlayer = { readonly number: number; readonly servers: Servers; readonly order: SeedOrder };
export type FromPlayer = SeedPlayed & { readonly number: number };

process.on('message', async ({ number, servers, order }: ToPlayer) => {
  useServers(servers);
  process.send?.({ number, ...(await playSeed(order)) } satisfies FromPlayer);
});
process.on('disconnect', () => process.exit());
