import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { ProblemError } from '../../public/problem-error.ts';

/** BullMQ waits for ever for a Redis that does not answer; somebody who looks at a page does not. */
const WITHIN_MS = 2_000;

/** @throws ProblemError `unavailable` */
export async function askQueues<Answer>(redis: Redis, work: () => Promise<Answer>): Promise<Answer> {
  if (redis.status !== 'ready') throw away('Redis is away');
  try {
    return await within(WITHIN_MS, work());
  } catch (error) {
    throw away(messageOf(error));
  }
}

function away(why: string): ProblemError {
  return new ProblemError('unavailable', `the queues cannot be read: ${why}. Try again when Redis answers`);
}
