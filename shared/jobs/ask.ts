import { messageOf } from '../runtime/operator-error.ts';
import type { Redis } from '../runtime/redis.ts';
import { sleep } from '../runtime/retry.ts';
import { JOBS, type JobName, type JobPayload, type JobResult } from './catalogue.ts';
import { createJobRecord, type SeenJob } from './job-record.ts';
import type { OpenQueue } from './open-queue.ts';

/**
 * A request and its answer through a queue: the job is added, and its record is looked at until it is finished.
 *
 * Looking is preferred to BullMQ's own events because those need a blocking connection for each queue and process, which
 * a frozen Redis leaves deaf, and because an event that was trimmed or came during a reconnect is never told again. A
 * look costs Redis next to nothing, and few ask at a time.
 *
 * What the caller has to know is whether the work may have been done. `unavailable` says that it was not and never will
 * be: the request never left, or nobody took the job and it was withdrawn. `timeout` says that nobody knows.
 */
export type Asked<Result> =
  | { readonly kind: 'answered'; readonly result: Result }
  /** The handler threw, or answered what this version does not understand. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'unavailable'; readonly message: string }
  /** `isTaken`: somebody is known to have begun. */
  | { readonly kind: 'timeout'; readonly message: string; readonly isTaken: boolean };

export interface AskOptions {
  /** The same id asks for the same run again, whether that is over or not. Letters, digits, "-" and "_". */
  readonly jobId?: string;
  /** For the answer, from now on. */
  readonly timeoutMs: number;
  /** For somebody to begin; a process that is there takes a job within milliseconds. */
  readonly takeWithinMs?: number;
  /** The answer is taken away as it is read: large ones that nobody asks for twice must not fill Redis. */
  readonly takesAway?: boolean;
}

const TAKE_WITHIN_MS = 2_000;
const FIRST_LOOK_MS = 5;
const MAX_LOOK_MS = 50;

export async function ask<Name extends JobName>(
  asked: { queue: OpenQueue; redis: Redis },
  request: { job: Name; payload: JobPayload<Name> },
  options: AskOptions,
): Promise<Asked<JobResult<Name>>> {
  const { redis } = asked;
  const { job, payload } = request;
  // A command that waits for the connection would be sent when the caller has long made other plans.
  if (redis.status !== 'ready') return { kind: 'unavailable', message: 'Redis is away' };
  const takeUntil = performance.now() + (options.takeWithinMs ?? TAKE_WITHIN_MS);
  const deadline = AbortSignal.timeout(options.timeoutMs);

  const data = JOBS[job].payload.parse(payload);
  const jobOptions = { ...JOBS[job].options, ...(options.jobId === undefined ? {} : { jobId: options.jobId }) };
  const add = async () => {
    const queue = await asked.queue.use();
    const { id } = await queue.add(job, data, jobOptions);
    return id === undefined ? undefined : { queue, id };
  };
  let added: Awaited<ReturnType<typeof add>>;
  try {
    added = await orNothing(add(), deadline);
  } catch (error) {
    return { kind: 'timeout', message: `Redis did not take the request: ${messageOf(error)}`, isTaken: false };
  }
  if (added === undefined) return { kind: 'timeout', message: 'Redis did not answer to the request', isTaken: false };

  const { queue, id } = added;
  const record = createJobRecord({ queue, redis }, id);
  let isTaken = false;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(MAX_LOOK_MS, lookMs * 1.5)) {
    await sleep(lookMs, deadline);
    const seen = await orNothing(record.read(), deadline).catch(() => undefined);
    if (seen?.isFinished) {
      // Without waiting: whether it succeeds concerns nobody, and what stays is bounded by the options of the job.
      if (options.takesAway) queue.remove(id).catch(() => undefined);
      return toAnswer(job, seen);
    }
    isTaken ||= seen?.isTaken ?? false;
    const isLate = performance.now() >= takeUntil;
    if (isLate && !isTaken && (await orNothing(record.withdraw(), deadline).catch(() => false))) {
      return { kind: 'unavailable', message: `nobody took the job ${job}: is ingest running?` };
    }
    if (deadline.aborted) {
      return { kind: 'timeout', message: `no answer to the job ${job} within ${options.timeoutMs} ms`, isTaken };
    }
  }
}

function toAnswer<Name extends JobName>(job: Name, seen: SeenJob): Asked<JobResult<Name>> {
  if (seen.returnValue === null) return { kind: 'failed', message: seen.failedReason ?? 'the job failed' };
  const result = JOBS[job].result.safeParse(JSON.parse(seen.returnValue));
  if (!result.success) return { kind: 'failed', message: `the answer is not understood: ${result.error.message}` };
  return { kind: 'answered', result: result.data as JobResult<Name> };
}

/** A Redis that froze answers nothing at all, and BullMQ would wait for it for ever. */
async function orNothing<T>(promise: Promise<T>, deadline: AbortSignal): Promise<T | undefined> {
  const waiting = new AbortController();
  const tooLate = new Promise<undefined>(resolve => {
    const giveUp = () => resolve(undefined);
    if (deadline.aborted) giveUp();
    deadline.addEventListener('abort', giveUp, { once: true, signal: waiting.signal });
  });
  // What comes after the deadline concerns nobody, a failure least of all.
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    waiting.abort();
  }
}
