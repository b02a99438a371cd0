import { inject } from 'vitest';

/** The servers that the global setup started for this run; beside the database stands the migrated template. */
export function redisUrl(): string {
  return inject('redisUrl');
}

export function databaseUrl(): string {
  return inject('databaseUrl');
}
