import { Queue } from 'bullmq';
import { type Asked, type AskOptions, ask } from './ask.ts';
import { JOBS, type JobNameIn, type JobPayload, type JobResult, type QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
import { endWithin } from './end-within.ts';

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

/** BullMQ keeps a stream of its own events per queue, answers included, which are large; nobody reads ours. */
const EVENTS_KEPT = 1;
/** A run that is this late was not merely waiting for a free worker. */
const OVERDUE_MS = 30_000;
const CLOSE_MS = 500;

export function createJobQueue<Name extends QueueName>(name: Name, deps: JobsDeps): JobQueue<Name> {
  const queue = new Queue(name, {
    connection: deps.connection.redis,
    prefix: deps.keys.jobs,
    streams: { events: { maxLen: EVENTS_KEPT } },
  });
  queue.on('error', error => deps.logger.debug({ queue: name, err: error }, 'job queue: Redis is away'));
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
