import type { JobPayload } from '@3cx-relay/shared/jobs/catalogue.ts';
import { connectForJobs } from '@3cx-relay/shared/jobs/connection.ts';
import { createJobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import { createJobWorker, type JobReport } from '@3cx-relay/shared/jobs/job-worker.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { type IndexDeps, indexEvents } from './index/index-events.ts';
import { fillPastCalls } from './persist/fill-past-calls.ts';
import { drainChannel, type PersistDeps } from './persist/persist.ts';
import type { Retried } from './persist/retry-dead-letters.ts';
import type { Months } from './retention/months.ts';
import { createSchedules } from './schedules.ts';
import type { LogKeeper } from './trim/log-keeper.ts';

/** Each channel may be copied while another is. */
export const DRAINS = CHANNELS.length;

/** What may take long, months and audits and dead letters, must not keep the log from being kept. */
export const UPKEEPS = 4;

/** Jobs of a worker that died are taken up within twice this; every one of them may run twice. */
const CLAIM_MS = 4_000;

export interface JobsDeps {
  readonly redisUrl: string;
  readonly keys: LogKeys;
  readonly logger: Logger;
  readonly persist: PersistDeps;
  readonly index: IndexDeps;
  readonly logKeeper: LogKeeper;
  readonly months: Months;
  readonly report: JobReport;
  /** Removes rows past retention from the tables beside events. */
  readonly dropPastRows: (signal: AbortSignal) => Promise<void>;
  readonly anchorAudit: () => Promise<unknown>;
  readonly sealAudit: () => Promise<unknown>;
  readonly verifyAudit: (request: JobPayload<'verify-audit'>) => Promise<unknown>;
  readonly retryDeadLetters: (signal: AbortSignal) => Promise<Retried>;
}

export interface Jobs {
  /** Takes no more jobs and lets the running ones come to the end of their step. */
  stop(): Promise<void>;
}

/** Says for each job of the worker what it does; when it runs stands in schedules.ts. */
export function createJobs(deps: JobsDeps): Jobs {
  const { keys, logger } = deps;
  const connection = connectForJobs(deps.redisUrl, { name: 'worker-jobs', logger });
  const jobs = { connection, keys, logger };
  const queues = {
    persist: createJobQueue('persist', jobs),
    upkeep: createJobQueue('upkeep', jobs),
    // Ingest works on this one; here stands only when.
    pbx: createJobQueue('pbx', jobs),
  };
  const workers = [
    createJobWorker({
      ...jobs,
      queue: 'persist',
      claimMs: CLAIM_MS,
      concurrency: DRAINS,
      report: deps.report,
      handlers: {
        'drain-channel': async ({ channel }, signal) => {
          await drainChannel(deps.persist, channel, signal);
          return null;
        },
      },
    }),
    createJobWorker({
      ...jobs,
      queue: 'upkeep',
      claimMs: CLAIM_MS,
      concurrency: UPKEEPS,
      report: deps.report,
      handlers: {
        'index-events': async ({ channel }, signal) => {
          await indexEvents(deps.index, channel, signal);
          return null;
        },
        'trim-log': async (_, signal) => {
          await deps.logKeeper.run(signal);
          return null;
        },
        'retry-dead-letters': (_, signal) => deps.retryDeadLetters(signal),
        'keep-months': async (_, signal) => {
          await deps.months.createAhead();
          await deps.months.dropPast();
          await deps.dropPastRows(signal);
          return null;
        },
        'fill-past-calls': async (_, signal) => {
          await fillPastCalls(deps.persist, signal);
          return null;
        },
        'anchor-audit': async () => {
          await deps.anchorAudit();
          return null;
        },
        'seal-audit': async () => {
          await deps.sealAudit();
          return null;
        },
        'verify-audit': async request => {
          await deps.verifyAudit(request);
          return null;
        },
      },
    }),
  ];
  const schedules = createSchedules({ ...queues, logger });
  return {
    async stop() {
      await schedules.stop();
      await Promise.all(workers.map(worker => worker.stop()));
      await Promise.all(Object.values(queues).map(queue => queue.stop()));
      await connection.stop();
    },
  };
}
