import { z } from 'zod';

/**
 * `GET /admin/audit/verification`: whether the audit is as it was written, as the last proof of it says. `unchecked`: it
 * could not be proved. While one runs, the rest is still of the one before.
 */
export const verificationAnswer = z.object({
  state: z.enum(['never', 'running', 'intact', 'broken', 'unchecked']),
  /** Of the one that runs, or of the last one. Null: it waits for a worker. */
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  requestedBy: z.string().nullable(),
  /** Proved entries of the chain. */
  entries: z.number().nullable(),
  /** Persisted events of the channel `audit` that were found in it. */
  events: z.number().nullable(),
  /** The first thing that is wrong, or why it could not be proved. */
  problems: z.array(z.object({ what: z.string(), seq: z.number().nullable(), message: z.string() })),
});

export type VerificationAnswer = z.infer<typeof verificationAnswer>;
