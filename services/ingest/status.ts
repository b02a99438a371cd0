import type { ComponentSample } from '@3cx-relay/shared/jobs/component-state.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';

/** What ingest says of itself, for `GET /relay/health`. Times are ISO 8601. It expires when nobody says it any more. */
export interface IngestStatus {
  readonly at: string;
  readonly state: 'connected' | 'connecting' | 'down';
  readonly socketSince: string | null;
  readonly lastFrameAt: string | null;
  readonly spoolBytes: number;
  readonly pid: number;
  readonly error: string | null;
  /** The last look of the monitor at each of its components. */
  readonly components: readonly ComponentSample[];
  /** `ingest`: the worker's schedule is silent, and ingest looks by itself. */
  readonly checksDrivenBy: 'schedule' | 'ingest';
}

const EVERY_MS = 2_000;
const EXPIRES_SECONDS = 10;
const LAST_WORD_MS = 500;

export interface StatusReporter {
  stop(): Promise<void>;
}

export function createStatusReporter(
  deps: { redis: Redis; keys: LogKeys },
  describe: () => Omit<IngestStatus, 'at' | 'pid'>,
): StatusReporter {
  const report = async () => {
    const status: IngestStatus = { at: new Date().toISOString(), ...describe(), pid: process.pid };
    // Away is away: the log says so, and readiness does.
    await deps.redis.set(deps.keys.ingestStatus, JSON.stringify(status), 'EX', EXPIRES_SECONDS).catch(() => undefined);
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
