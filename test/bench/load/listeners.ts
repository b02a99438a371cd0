import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from './child-program.ts';
import type { ListenerOrder, Tally } from './listeners-process.ts';

/** Clients in another process. */
export interface Listeners {
  /** Forgets what came so far. */
  begin(): Promise<void>;
  tally(): Promise<Tally>;
  /** Resolves when so many events came since `begin`, or when none came for `quietMs`; with what there is then. */
  until(events: number, options?: { quietMs?: number; timeoutMs?: number }): Promise<Tally>;
  /** With latencies, where the events carry another number than the time of sending. */
  tallyBy(sentAt: readonly (readonly [number: number, us: number])[]): Promise<Tally>;
  stop(): Promise<void>;
}

const LOOK_MS = 50;

export async function startListeners(order: ListenerOrder): Promise<Listeners> {
  const program = startProgram<object>('load/listeners-process.ts', order);
  try {
    await program.ask('ready', undefined, 120_000);
  } catch (error) {
    await program.stop();
    throw error;
  }
  const count = async () => Number((await program.ask('count', { count: true })).count);
  const tally = async () => (await program.ask('tally', { tally: true })).tally as Tally;
  return {
    begin: async () => void (await program.ask('begun', { begin: true })),
    tally,
    tallyBy: async sentAt => (await program.ask('tally', { sentAt })).tally as Tally,
    async until(events, { quietMs = 3_000, timeoutMs = 120_000 } = {}) {
      const deadline = Date.now() + timeoutMs;
      let last = -1;
      let changedAt = Date.now();
      for (;;) {
        const now = await count();
        if (now >= events) break;
        if (now !== last) changedAt = Date.now();
        last = now;
        if (Date.now() - changedAt > quietMs || Date.now() > deadline) break;
        await sleep(LOOK_MS);
      }
      return tally();
    },
    stop: () => program.stop(),
  };
}
