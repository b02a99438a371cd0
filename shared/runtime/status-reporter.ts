import type { Redis } from './redis.ts';
import { sleep } from './retry.ts';

/** Who asks for the health of the whole must know within five seconds that a process is gone or frozen. */
const EVERY_MS = 1_000;
const EXPIRES_MS = 4_000;
const LAST_WORD_MS = 500;

export interface StatusReporter {
  stop(): Promise<void>;
}

/** What every service says of itself. `at`: ISO 8601. */
export interface ServiceStatus {
  readonly at: string;
  readonly pid: number;
}

/** Says every second, in a key that expires, that this process runs and how it is. */
export function createStatusReporter(
  { redis, key }: { redis: Redis; key: string },
  describe: () => object = () => ({}),
): StatusReporter {
  const report = async () => {
    const status: ServiceStatus = { at: new Date().toISOString(), ...describe(), pid: process.pid };
    // Away is away: the log says so, and readiness does.
    await redis.set(key, JSON.stringify(status), 'PX', EXPIRES_MS).catch(() => undefined);
  };
  void report();
  const timer = setInterval(() => void report(), EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      // A Redis that does not answer must not hold up the way down; what it last heard expires.
      await Promise.race([report(), sleep(LAST_WORD_MS)]);
    },
  };
}
