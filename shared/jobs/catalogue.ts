import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { CHANNELS } from '../wire/channels.ts';

/**
 * Every job there is: its queue, what it carries, and what becomes of it. A payload is checked when it is added and
 * again when it runs, because the two may be different versions of the product.
 */
export type QueueName = 'persist' | 'upkeep';

/** Enough to see what went on; jobs that repeat every second must not fill Redis. */
const REPEATED: JobsOptions = { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 100 } };

export const JOBS = {
  /** Copies a channel of the log to PostgreSQL until nothing is left. */
  'drain-channel': {
    queue: 'persist',
    payload: z.strictObject({ channel: z.enum(CHANNELS) }),
    options: REPEATED,
  },
  /** Removes from Redis what is persisted and too old or too much. */
  'trim-log': { queue: 'upkeep', payload: z.strictObject({}), options: REPEATED },
  /** Creates the months to come and drops those past retention. */
  'keep-months': { queue: 'upkeep', payload: z.strictObject({}), options: REPEATED },
} as const satisfies Record<string, { queue: QueueName; payload: z.ZodType; options: JobsOptions }>;

export type JobName = keyof typeof JOBS;

export type JobPayload<Name extends JobName> = z.infer<(typeof JOBS)[Name]['payload']>;

export type JobNameIn<Queue extends QueueName> = {
  [Name in JobName]: (typeof JOBS)[Name]['queue'] extends Queue ? Name : never;
}[JobName];

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(JOBS, name);
}
