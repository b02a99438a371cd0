import { type Asked, type AskOptions, ask } from './ask.ts';
import { JOBS, type JobNameIn, type JobPayload, type JobResult, type QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
import { endWithin } from './end-within.ts';
import { openQueue } from './open-queue.ts';

export interface Schedule<Name extends QueueName> {
  /** Names the schedule; the same id replaces what was there. */
  readonly id: string;
  readonly everyMs: number;
  readonly job: JobNameIn<Name>;
  readonly payload: JobPayload<JobNameIn<Name>>;
}

export interface JobQueue<Name extends QueueName> {
  /** Creates or updates; any number of processes may do so at once. */
  schedule(schedule: Schedule<Name>): Promise<void>;
  /** True when the schedule is gone, or its chain broke: the next run is created when the one before is taken. */
  isLost(schedule: Schedule<Name>): Promise<boolean>;
  /** Adds a job and waits for what comes of it, at most so long as the options say. Never throws for a server that is away. */
  run<Job extends JobNameIn<Name>>(
    job: Job,
    payload: JobPayload<Job>,
    options: AskOptions,
  ): Promise<Asked<JobResult<Job>>>;
  /** Adds a job that nobody waits for. One of the same name that is still to be done counts for this one. */
  request<Job extends JobNameIn<Name>>(job: Job, payload: JobPayload<Job>): Promise<void>;
  stop(): Promise<void>;
}

/** A run that is this late was not merely waiting for a free worker. */
const OVERDUE_MS = 30_000;
const CLOSE_MS = 500;

export function createJobQueue<Name extends QueueName>(name: Name, deps: JobsDeps): JobQueue<Name> {
  const queue = openQueue(name, deps);
  return {
    async schedule({ id, everyMs, job, payload }) {
      const { payload: schema, options } = JOBS[job];
      await queue.upsertJobScheduler(id, { every: everyMs }, { name: job, data: schema.parse(payload), opts: options });
    },
    async isLost({ id }) {
      const found = await queue.getJobScheduler(id);
      return found?.next === undefined || found.next < Date.now() - OVERDUE_MS;
    },
    run: (job, payload, options) => ask({ queue, redis: deps.connection.redis }, { job, payload }, options),
    async request(job, payload) {
      const { payload: schema, options } = JOBS[job];
      await queue.add(job, schema.parse(payload), { ...options, deduplication: { id: job } });
    },
    stop: () => endWithin(queue.close(), CLOSE_MS),
  };
}
