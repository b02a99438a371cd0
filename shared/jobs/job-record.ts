import type { Queue } from 'bullmq';
import type { Redis } from '../runtime/redis.ts';

/** What BullMQ has written of a job. */
export interface SeenJob {
  /** A worker began it at least once. */
  readonly isTaken: boolean;
  readonly isFinished: boolean;
  /** JSON of what the handler answered; null when it failed. */
  readonly returnValue: string | null;
  readonly failedReason: string | null;
}

export interface JobRecord {
  /** Undefined when there is no such job any more. */
  read(): Promise<SeenJob | undefined>;
  /** True when nobody has ever begun the job and nobody will. */
  withdraw(): Promise<boolean>;
}

/**
 * The keys of BullMQ that its own interface does not offer in one step: the hash of a job, and the list it waits in. A
 * worker takes a job by moving it out of that list, so that whoever removes it there has it for himself.
 */
export function createJobRecord(
  { queue, redis }: { queue: Pick<Queue, 'toKey'>; redis: Redis },
  id: string,
): JobRecord {
  const key = queue.toKey(id);
  return {
    async read() {
      const fields = await redis.hmget(key, 'timestamp', 'processedOn', 'finishedOn', 'returnvalue', 'failedReason');
      const [timestamp, processedOn, finishedOn, returnValue, failedReason] = fields;
      if (!timestamp) return undefined;
      return {
        isTaken: Boolean(processedOn),
        isFinished: Boolean(finishedOn),
        returnValue: returnValue ?? null,
        failedReason: failedReason ?? null,
      };
    },
    async withdraw() {
      if ((await redis.lrem(queue.toKey('wait'), 1, id)) === 0) return false;
      // Back in the list after its worker died: it is out of the way now, but it had been begun.
      const wasTaken = Boolean(await redis.hget(key, 'processedOn'));
      await redis.del(key);
      return !wasTaken;
    },
  };
}
