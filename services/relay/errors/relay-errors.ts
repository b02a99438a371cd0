import { randomUUID } from 'node:crypto';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { ErrorTracker, MAX_IN_MEMORY } from '@3cx-relay/shared/errors/error-tracker.ts';
import { readRecentErrors } from '@3cx-relay/shared/errors/recent-log.ts';
import { createServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';

/** The tracker of this instance, with its own errors going in and those of everybody coming out. */
export interface RelayErrors {
  readonly errors: ErrorSink;
  /** To be fed by the tail. */
  readonly tracker: ErrorTracker;
  /** What was written before the tail began, or began anew. Comes back after the first try, and goes on trying. */
  load(): Promise<void>;
  stop(): Promise<void>;
}

const FLUSH_MS = 1_000;
const RELOAD = { firstMs: 500, maxMs: 10_000 };

export function createRelayErrors(deps: {
  redis: Redis;
  keys: LogKeys;
  pool: PostgresPool['pool'];
  logger: Logger;
}): RelayErrors {
  const { pool, logger, ...log } = deps;
  const reporting = createServiceErrors(log, { service: 'relay', logger });
  const { errors } = reporting;
  const tracker = new ErrorTracker({ errors, pool, append: entry => appendOnce(log, entry), logger });
  const stopping = new AbortController();

  async function isLoaded(): Promise<boolean> {
    try {
      tracker.load(await readRecentErrors(log, MAX_IN_MEMORY));
      return true;
    } catch (err) {
      logger.warn(
        { err },
        'earlier errors could not be read from the log: until then the list has those of PostgreSQL',
      );
      return false;
    }
  }

  /** Without them the list would lack, and say nothing of it, what PostgreSQL does not have yet. */
  async function goOnLoading(): Promise<void> {
    const backoff = createBackoff(RELOAD);
    do await sleep(backoff.next(), stopping.signal);
    while (!stopping.signal.aborted && !(await isLoaded()));
  }

  return {
    errors,
    tracker,
    async load() {
      if (!(await isLoaded())) void goOnLoading();
    },
    stop() {
      stopping.abort();
      return reporting.stop(FLUSH_MS);
    },
  };
}

/** A writer for each entry: somebody waits for this one, and it must not queue behind others that fail. */
async function appendOnce(log: { redis: Redis; keys: LogKeys }, entry: NewEntry): Promise<LogPosition> {
  const batch = { writerId: `once-${randomUUID()}`, firstWriterSeq: 1, entries: [entry], highestKnownSeq: 0 };
  const { epoch, lastSeq } = await appendToLog({ ...log, channel: 'errors' }, batch);
  return { epoch, seq: lastSeq };
}
