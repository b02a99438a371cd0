import { z } from 'zod';
import { CHANNELS } from '../channels.ts';

export const QUEUES = ['persist', 'upkeep', 'pbx'] as const;

const queueName = z.enum(QUEUES, { error: `must be one of ${QUEUES.join(', ')}` });

/** `GET /admin/queues`. To viewers telephone numbers are shown by their last two digits. */
export const queuesAnswer = z.object({
  queues: z.array(
    z.object({
      queue: queueName,
      waiting: z.number(),
      active: z.number(),
      delayed: z.number(),
      failed: z.number(),
      schedules: z.array(
        z.object({ id: z.string(), everyMs: z.number().nullable(), next: z.iso.datetime().nullable() }),
      ),
    }),
  ),
  /** Newest first. */
  failed: z.array(
    z.object({
      queue: queueName,
      id: z.string(),
      name: z.string(),
      data: z.unknown(),
      reason: z.string(),
      attempts: z.number(),
      at: z.iso.datetime().nullable(),
      /** False where somebody waited for the answer and has gone. */
      isRetriable: z.boolean(),
    }),
  ),
});

export type QueuesAnswer = z.infer<typeof queuesAnswer>;

/** `POST /admin/queues/retry`: one failed job, or all that may be retried. */
export const retryRequest = z.union(
  [
    z.strictObject({ queue: queueName, id: z.string().min(1, 'must not be empty').max(200) }),
    z.strictObject({ all: z.literal(true, { error: 'must be true' }) }),
  ],
  { error: `must be {"queue": one of ${QUEUES.join(', ')}, "id": "…"} or {"all": true}` },
);

export type RetryRequest = z.input<typeof retryRequest>;

export const retryAnswer = z.object({ retried: z.number() });

export type RetryAnswer = z.infer<typeof retryAnswer>;

/** What PostgreSQL refused. */
export const deadLetter = z.object({
  id: z.number(),
  channel: z.enum(CHANNELS),
  position: z.string(),
  /** Null: a time that nobody can tell. */
  at: z.iso.datetime().nullable(),
  type: z.string(),
  event: z.string().nullable(),
  dn: z.string().nullable(),
  call: z.string().nullable(),
  /** The entry as it stands in the log; cut where it is long. */
  body: z.string(),
  /** The table that refused it. */
  target: z.string(),
  reason: z.string(),
  sqlstate: z.string().nullable(),
  details: z.record(z.string(), z.unknown()).nullable(),
  createdAt: z.iso.datetime(),
  retriedAt: z.iso.datetime().nullable(),
  resolvedAt: z.iso.datetime().nullable(),
});

export type DeadLetterAnswer = z.infer<typeof deadLetter>;

/** `GET /admin/dead-letters`, newest first. `next` is the `before` of the next page. */
export const deadLettersAnswer = z.object({ deadLetters: z.array(deadLetter), next: z.number().nullable() });

export type DeadLettersAnswer = z.infer<typeof deadLettersAnswer>;
