import type { Redis } from './redis.ts';
import { sleep } from './retry.ts';
import { SILENT_AFTER_MS } from './silence.ts';
import { writeRefusalOf } from './write-refusal.ts';

const EVERY_MS = 1_000;
const LAST_WORD_MS = 500;

export interface StatusReporter {
  /** What Redis said when it refused the last write, and what to do; null from the next one on that it took. */
  readonly refusal: string | null;
  /** The same for readiness, once no write was taken for so long that a server would count as gone; empty while all is well. */
  reasons(): string[];
  stop(): Promise<void>;
}

/** What every service says of itself. `at`: ISO 8601. */
export interface ServiceStatus {
  readonly at: string;
  readonly pid: number;
}

/**
 * Says every second, in a key that expires, that this process runs and how it is.
 *
 * It is the one write that is made while nothing happens. A Redis that answers reads and refuses writes is seen by no ping,
 * and on a quiet PBX by nobody else before the first event has to wait.
 */
export function createStatusReporter(
  { redis, key, now = () => performance.now() }: { redis: Redis; key: string; now?: () => number },
  /** Null: to be silent, because another process speaks now. */
  describe: () => object | null = () => ({}),
): StatusReporter {
  let lastTakenAt = now();
  let refusal: string | null = null;
  const report = async () => {
    const described = describe();
    if (described === null) return;
    const status: ServiceStatus = { at: new Date().toISOString(), ...described, pid: process.pid };
    try {
      await redis.set(key, JSON.stringify(status), 'PX', SILENT_AFTER_MS);
      lastTakenAt = now();
      refusal = null;
    } catch (error) {
      // Away is away: the log says so, and readiness does. It does not take back a refusal: a connection to a replica is
      // made anew after each one.
      refusal = writeRefusalOf(error) ?? refusal;
    }
  };
  void report();
  const timer = setInterval(() => void report(), EVERY_MS);
  return {
    get refusal() {
      return refusal;
    },
    reasons: () => (refusal !== null && now() - lastTakenAt >= SILENT_AFTER_MS ? [refusal] : []),
    async stop() {
      clearInterval(timer);
      // A Redis that does not answer must not hold up the way down; what it last heard expires.
      await Promise.race([report(), sleep(LAST_WORD_MS)]);
    },
  };
}
