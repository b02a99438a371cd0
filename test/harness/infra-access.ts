import { inject } from 'vitest';

export type Servers = { redisUrl: string; databaseUrl: string };

/** Of a program that is no test run: the servers that it started itself. */
let own: Servers | undefined;

/** For a program of its own, such as a benchmark: everything of the harness uses these servers from now on. */
export function useServers(servers: Servers): void {
  own = servers;
}

/** The servers that the global setup started for this run; beside the database stands the migrated template. */
export function redisUrl(): string {
  return own?.redisUrl ?? inject('redisUrl');
}

export function databaseUrl(): string {
  return own?.databaseUrl ?? inject('databaseUrl');
}
