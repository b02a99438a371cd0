import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { isJobName, JOBS, type JobNameIn, type JobPayload, type JobResult, type QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
import { endWithin } from './end-within.ts';

/** A job without an answer answers null. */
export type JobHandlers<Name extends QueueName> = {
  readonly [Job in JobNameIn<Name>]: (payload: JobPayload<Job>, signal: AbortSignal) => Promise<JobResult<Job>>;
};

export interface JobWorkerOptions<Name extends QueueName> extends JobsDeps {
  readonly queue: Name;
  readonly concurrency: number;
  /** A killed worker's job is free again two to three times as long after; a live one renews its claim every half of it. */
  readonly claimMs?: number;
  readonly handlers: JobHandlers<Name>;
  readonly report?: JobReport;
}

/** A run of a job, for one who tells of it. `key` is that of its schedule, or its name when nobody scheduled it. */
export interface JobRun {
  readonly key: string;
  readonly name: string;
  readonly data: unknown;
}

/** Hears of every end of a job. */
export interface JobReport {
  onFailed(job: JobRun, error: unknown): void;
  onCompleted(job: JobRun): void;
}

export interface JobWorker {
  /** Takes no more jobs, asks the running ones to end through their signal and waits for them. */
  stop(): Promise<void>;
}

/** Seconds an idle worker waits in one call; below the silence limit of connection.ts. */
const IDLE_WAIT_SECONDS = 3;
/** After a lost connection; BullMQ waits 15 s, without a word. */
const RETRY_MS = 500;
/** Long enough for a process that is slow to breathe. */
const CLAIM_MS = 15_000;
/** A handler ends at its next step; one that hangs on a frozen server is left, as a crash would leave it. */
const FINISH_MS = 4_000;
const CLOSE_MS = 1_500;

type AnyHandler = (payload: unknown, signal: AbortSignal) => Promise<unknown>;

export function createJobWorker<Name extends QueueName>(options: JobWorkerOptions<Name>): JobWorker {
  const { queue, logger } = options;
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  const worker = new Worker(
    queue,
    async job => {
      const handler = handlerOf(options, job.name);
      if (!handler || !isJobName(job.name)) throw new UnrecoverableError(`queue ${queue} has no job "${job.name}"`);
      const payload = JOBS[job.name].payload.safeParse(job.data);
      if (!payload.success) throw new UnrecoverableError(`job ${job.name}: ${payload.error.message}`);
      const run = handler(payload.data, stopping.signal);
      running.add(run);
      return JOBS[job.name].result.parse(await run.finally(() => running.delete(run)));
    },
    {
      connection: options.connection.redis,
      prefix: options.keys.jobs,
      concurrency: options.concurrency,
      drainDelay: IDLE_WAIT_SECONDS,
      runRetryDelay: RETRY_MS,
      lockDuration: options.claimMs ?? CLAIM_MS,
      stalledInterval: options.claimMs ?? CLAIM_MS,
      // A job lost with its process is run again, always: every job here may run twice.
      maxStalledCount: 1_000,
    },
  );
  worker.on('error', error => logger.debug({ queue, err: error }, 'job worker: Redis is away'));
  reportFailures(worker, options);
  return {
    async stop() {
      stopping.abort();
      const closed = worker.close();
      await endWithin(Promise.allSettled(running), FINISH_MS);
      await endWithin(closed, CLOSE_MS);
    },
  };
}

/** A job that runs every second fails every second while a server is away: one line when it begins, one when it ends. */
function reportFailures<Name extends QueueName>(worker: Worker, options: JobWorkerOptions<Name>): void {
  const { queue, logger, report } = options;
  const failing = new Set<string>();
  worker.on('failed', (job, error) => {
    const run = toRun(job);
    const level = failing.has(run.key) ? 'debug' : 'warn';
    logger[level]({ queue, job: run.key, err: error }, 'a job failed, it will run again at its next time');
    failing.add(run.key);
    report?.onFailed(run, error);
  });
  worker.on('completed', job => {
    const run = toRun(job);
    if (failing.delete(run.key)) logger.info({ queue, job: run.key }, 'the job succeeds again');
    report?.onCompleted(run);
  });
}

/** The jobs of one schedule are the same thing again and again, those of another one are not: each channel has its own. */
function toRun(job: Job | undefined): JobRun {
  const name = job?.name ?? '';
  return { key: job?.repeatJobKey ?? name, name, data: job?.data };
}

function handlerOf<Name extends QueueName>(options: JobWorkerOptions<Name>, name: string): AnyHandler | undefined {
  const handlers = options.handlers as Readonly<Record<string, AnyHandler>>;
  return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
}
