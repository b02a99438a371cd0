import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { migrate } from '@3cx-relay/shared/store/migrate.ts';

const LAST_WORD_MS = 1_000;

/** A worker that cannot start ends and is started again: without its word in the log the panel would show only silence. */
export async function migrateAndTell(databaseUrl: string, to: ServiceErrors & { logger: Logger }): Promise<void> {
  try {
    const { applied } = await migrate({ databaseUrl, logger: to.logger });
    if (applied.length === 0) return;
    const message = `the database was brought up to date by ${applied.length} migrations`;
    announce(to, { component: 'postgres', severity: 'info', message, details: { applied } });
  } catch (error) {
    const message = `the worker cannot start, nothing is copied to PostgreSQL: ${messageOf(error)}`;
    to.errors.logError('postgres', 'critical', message, { error });
    await to.stop(LAST_WORD_MS);
    throw error;
  }
}
