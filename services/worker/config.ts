import { commonConfig, databaseConfig, integer, type readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { z } from 'zod';

const GIB = 1024 ** 3;
const DAYS = { min: 1, max: 36_500, default: 400 };

export const workerConfig = {
  ...commonConfig,
  ...databaseConfig,
  /** What stays in Redis after it is persisted: hours … */
  LOG_HOURS: integer({ min: 1, max: 24 * 365, default: 24 }),
  /** … and bytes over all channels, whichever is reached first. */
  LOG_MAX_BYTES: integer({ min: 1024 ** 2, max: 1024 * GIB, default: GIB }),
  /** Whole months go when their last day is older. */
  HISTORY_DAYS: integer(DAYS),
  /** Where a channel, and what is made from it, is to be kept for longer or shorter than the others. */
  HISTORY_DAYS_CALLS: integer(DAYS).unwrap().optional(),
  HISTORY_DAYS_HEALTH: integer(DAYS).unwrap().optional(),
  HISTORY_DAYS_ERRORS: integer(DAYS).unwrap().optional(),
  HISTORY_DAYS_AUDIT: integer(DAYS).unwrap().optional(),
  HISTORY_DAYS_REQUESTS: integer(DAYS).unwrap().optional(),
  /** Outside the database, at best where the database's administrator has no access. */
  AUDIT_ANCHOR_FILE: z.string().min(1).default('.data/audit-anchors.jsonl'),
  AUDIT_ANCHOR_HOURS: integer({ min: 1, max: 24 * 31, default: 24 }),
};

export type WorkerConfig = ReturnType<typeof readConfig<typeof workerConfig>>;
