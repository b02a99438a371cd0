import type { Job, Queue } from 'bullmq';
import { isJobName, isRetriable, JOBS, type JobName, type QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
import { type OpenQueue, openQueue } from './open-queue.ts';

/** What the queues of this PBX are at, for an operator: how much waits, what failed, what runs next and when. */
export interface QueueReport {
  readonly queue: QueueName;
  readonly waiting: number;
  readonly active: number;
  /** Scheduled runs wait here for their time. */
  readonly delayed: number;
  readonly failed: number;
  readonly schedules: readonly { readonly id: string; readonly everyMs: number | null; readonly next: Date | null }[];
}

export interface FailedJob {
  readonly queue: QueueName;
  readonly id: string;
  readonly name: string;
  /** Of a command of call control: telephone numbers. */
  readonly data: unknown;
  readonly reason: string;
  readonly attempts: number;
  readonly at: Date | null;
  /** False where somebody waited for the answer and has gone: a call must not be made an hour late. */
  readonly isRetriable: boolean;
}

export interface QueueInspector {
  report(): Promise<QueueReport[]>;
  /** Newest first. */
  failed(limit: number): Promise<FailedJob[]>;
  /** One of them or all that may be retried; how many were put back. Zero for one that is gone or may not be. */
  retryFailed(which: 'all' | { readonly queue: QueueName; readonly id: string }): Promise<number>;
  /** The runs of a job that wait or go on, oldest first. */
  unfinished(name: JobName): Promise<UnfinishedJob[]>;
  stop(): Promise<void>;
}

export interface UnfinishedJob {
  readonly requestedAt: Date;
  /** Null: it waits for a worker. */
  readonly startedAt: Date | null;
}

const QUEUES: readonly QueueName[] = ['persist', 'upkeep', 'pbx'];
/** What is kept of failed jobs is fewer. */
const MAX_FAILED = 1_000;
const MAX_SCHEDULES = 100;
/** Looked at for a job that is still to be done. */
const MAX_UNFINISHED = 1_000;

export function createQueueInspector(deps: JobsDeps): QueueInspector {
  const queues = new Map(QUEUES.map(name => [name, openQueue(name, deps)]));

  async function failedOf(
    name: QueueName,
    queue: OpenQueue,
    limit: number,
  ): Promise<{ job: Job; failed: FailedJob }[]> {
    const jobs = await (await queue.use()).getFailed(0, limit - 1);
    // One that was removed since its id was read is absent.
    return jobs.filter(job => job?.id !== undefined).map(job => ({ job, failed: toFailed(name, job) }));
  }

  return {
    report: () => Promise.all([...queues].map(async ([name, queue]) => reportOf(name, await queue.use()))),
    async failed(limit) {
      const found = await Promise.all([...queues].map(([name, queue]) => failedOf(name, queue, limit)));
      const newestFirst = found.flat().map(({ failed }) => failed);
      newestFirst.sort((a, b) => (b.at?.getTime() ?? 0) - (a.at?.getTime() ?? 0));
      return newestFirst.slice(0, limit);
    },
    async retryFailed(which) {
      let retried = 0;
      for (const [name, queue] of queues) {
        if (which !== 'all' && which.queue !== name) continue;
        for (const { job, failed } of await failedOf(name, queue, MAX_FAILED)) {
          if (!failed.isRetriable || (which !== 'all' && which.id !== failed.id)) continue;
          // Somebody else may have put it back, or removed it, a moment ago.
          const isRetried = await job.retry('failed').then(
            () => true,
            () => false,
          );
          if (isRetried) retried += 1;
        }
      }
      return retried;
    },
    async unfinished(name) {
      const queue = await queues.get(JOBS[name].queue)?.use();
      const jobs = (await queue?.getJobs(['active', 'waiting'], 0, MAX_UNFINISHED, true)) ?? [];
      return jobs
        .filter(job => job?.name === name)
        .map(({ timestamp, processedOn }) => ({
          requestedAt: new Date(timestamp),
          startedAt: processedOn === undefined ? null : new Date(processedOn),
        }));
    },
    async stop() {
      await Promise.all([...queues.values()].map(queue => queue.close()));
    },
  };
}

async function reportOf(name: QueueName, queue: Queue): Promise<QueueReport> {
  const [counts, schedulers] = await Promise.all([
    queue.getJobCounts('waiting', 'active', 'delayed', 'failed'),
    queue.getJobSchedulers(0, MAX_SCHEDULES - 1, true),
  ]);
  return {
    queue: name,
    waiting: counts.waiting ?? 0,
    active: counts.active ?? 0,
    delayed: counts.delayed ?? 0,
    failed: counts.failed ?? 0,
    schedules: schedulers.map(({ key, every, next }) => ({
      id: key,
      everyMs: every === undefined ? null : Number(every),
      next: next === undefined ? null : new Date(next),
    })),
  };
}

function toFailed(queue: QueueName, job: Job): FailedJob {
  return {
    queue,
    id: job.id ?? '',
    name: job.name,
    data: job.data,
    reason: job.failedReason,
    attempts: job.attemptsMade,
    at: job.finishedOn === undefined ? null : new Date(job.finishedOn),
    isRetriable: isJobName(job.name) && isRetriable(job.name),
  };
}
