import { type Asked, type AskOptions, ask } from './ask.ts';
import { JOBS, type JobNameIn, type JobPayload, type JobResult, type QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
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

export function createJobQueue<Name extends QueueName>(name: Name, deps: JobsDeps): JobQueue<Name> {
  const queue = openQueue(name, deps);
  return {
    async schedule({ id, everyMs, job, payload }) {
      const { payload: schema, options } = JOBS[job];
      const template = { name: job, data: schema.parse(payload), opts: options };
      await (await queue.use()).upsertJobScheduler(id, { every: everyMs }, template);
    },
    async isLost({ id }) {
      const found = await (await queue.use()).getJobScheduler(id);
      return found?.next === undefined || found.next < Date.now() - OVERDUE_MS;
    },
    run: (job, payload, options) => ask({ queue, redis: deps.connection.redis }, { job, payload }, options),
    async request(job, payload) {
      const { payload: schema, options } = JOBS[job];
      await (await queue.use()).add(job, schema.parse(payload), { ...options, deduplication: { id: job } });
    },
    stop: () => queue.close(),
  };
}
