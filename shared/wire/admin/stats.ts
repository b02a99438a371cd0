import { z } from 'zod';

const bySeverity = { critical: z.number(), error: z.number(), warning: z.number(), info: z.number() };

/** `GET /admin/stats`. A part is null while nobody can tell it; `missing` says why, in a sentence each. */
export const statsAnswer = z.object({
  asOf: z.iso.datetime(),
  activeCalls: z.object({ total: z.number(), byState: z.record(z.string(), z.number()) }).nullable(),
  /** By channel, over the last ten seconds, at this instance. */
  eventsPerSecond: z.record(z.string(), z.number()),
  /** Connected at this instance. */
  clients: z.object({ here: z.number() }),
  /** From an entry being written to its being handed to all live clients, of the last minute. */
  latency: z.object({ p50Ms: z.number().nullable(), p99Ms: z.number().nullable(), samples: z.number() }),
  errors: z.object({
    /** Groups that nobody has acknowledged. */
    open: z.object(bySeverity),
    /** Occurrences by hour, oldest first; null while PostgreSQL is away. */
    last24h: z.array(z.object({ at: z.iso.datetime(), ...bySeverity })).nullable(),
    /** There were too many to count: earlier ones are not in `last24h`. Null: all are. */
    countedFrom: z.iso.datetime().nullable(),
  }),
  /** Calls that ended, in the hour in which they were first seen; oldest first. */
  callsPerHour: z
    .array(
      z.object({
        at: z.iso.datetime(),
        calls: z.number(),
        answered: z.number(),
        missed: z.number(),
        abandoned: z.number(),
      }),
    )
    .nullable(),
  /** How far PostgreSQL is behind the log, by channel. */
  persistLag: z.record(z.string(), z.object({ entries: z.number(), seconds: z.number() })).nullable(),
  /** `maxBytes` null: no limit is set. `logBytes`: of the log's channels. */
  redis: z.object({ usedBytes: z.number(), maxBytes: z.number().nullable(), logBytes: z.number() }).nullable(),
  health: z.object({
    status: z.enum(['ok', 'degraded', 'down']),
    components: z.record(z.string(), z.looseObject({ state: z.string() })),
  }),
  missing: z.array(z.string()),
});

export type StatsAnswer = z.infer<typeof statsAnswer>;
