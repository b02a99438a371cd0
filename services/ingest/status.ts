import type { ComponentSample } from '@3cx-relay/shared/jobs/component-state.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createStatusReporter, type StatusReporter } from '@3cx-relay/shared/runtime/status-reporter.ts';
import type { DatabaseSource } from './pbx/database/database-3cx.ts';
import type { PbxFacts } from './pbx/pbx-facts.ts';

/** What ingest says of itself, for `GET /relay/health` and `GET /admin/about`. Times are ISO 8601. */
export interface IngestStatus extends PbxFacts {
  readonly state: 'connected' | 'connecting' | 'down';
  readonly socketSince: string | null;
  readonly lastFrameAt: string | null;
  readonly spoolBytes: number;
  /** Why what ingest writes does not reach the log at the moment; null while it does. */
  readonly logError: string | null;
  readonly error: string | null;
  /** Where the PBX's database was found, and what in it; null while there is no connection to it. */
  readonly database: DatabaseSource | null;
  /** The last look of the monitor at each of its components. */
  readonly components: readonly ComponentSample[];
  /** `ingest`: the worker's schedule is silent, and ingest looks by itself. */
  readonly checksDrivenBy: 'schedule' | 'ingest';
}

export function reportIngestStatus(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  describe: () => IngestStatus | null,
): StatusReporter {
  return createStatusReporter({ redis, key: keys.ingestStatus }, describe);
}

/** What an ingest says that waits for another one to go. Times are ISO 8601. */
export interface StandbyStatus {
  readonly host: string;
  readonly since: string;
  readonly reason: string;
}

export function reportStandby(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  describe: () => StandbyStatus | null,
): StatusReporter {
  return createStatusReporter({ redis, key: keys.ingestStandby }, describe);
}
