import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';

/**
 * Says every two seconds that a worker runs, for `GET /relay/health`. Several say the same; when the last of them is gone
 * it expires, long before what waits to be copied would tell it, which nothing does while nothing happens.
 */
export interface StatusReporter {
  stop(): void;
}

const EVERY_MS = 2_000;
const EXPIRES_SECONDS = 6;

export function createStatusReporter(deps: { redis: Redis; keys: LogKeys }): StatusReporter {
  const stopping = new AbortController();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const status = JSON.stringify({ at: new Date().toISOString(), pid: process.pid });
      // Away is away: readiness says so.
      await deps.redis.set(deps.keys.workerStatus, status, 'EX', EXPIRES_SECONDS).catch(() => undefined);
      await sleep(EVERY_MS, stopping.signal);
    }
  }

  void run();
  return { stop: () => stopping.abort() };
}
