import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../install/dev/postgres.ts';
import { startRedis } from '../../install/dev/redis.ts';
import { obtainRedisBinary } from '../../install/dev/servers/redis-binary.ts';
import type { RunningServer } from '../../install/dev/servers/running-server.ts';

export type LocalPart = { url: string; stop(): Promise<void> };

export type Infrastructure = {
  redisUrl: string;
  /** A role that may create databases and roles, connected to an empty one. */
  databaseUrl: string;
  stop(): Promise<void>;
};

/** One Redis and one PostgreSQL for a whole test run, in temporary folders that die with it. */
export async function startLocalInfrastructure(): Promise<Infrastructure> {
  const [redis, postgres] = await Promise.allSettled([startLocalRedis(), startLocalPostgres()]);
  if (redis.status === 'fulfilled' && postgres.status === 'fulfilled') {
    return {
      redisUrl: redis.value.url,
      databaseUrl: postgres.value.url,
      stop: async () => void (await Promise.all([redis.value.stop(), postgres.value.stop()])),
    };
  }
  for (const part of [redis, postgres]) if (part.status === 'fulfilled') await part.value.stop();
  throw redis.status === 'rejected' ? redis.reason : postgres.status === 'rejected' ? postgres.reason : undefined;
}

/** With its append file, as in production; a test of durability starts a server of its own with `startRedis`. */
export async function startLocalRedis(): Promise<LocalPart> {
  await obtainRedisBinary();
  return inTemporaryFolder('redis', dir => startRedis({ dir, appendFsync: 'everysec' }));
}

/** Without fsync: no test pulls the plug of the machine. What is measured is measured with it. */
export function startLocalPostgres({ fsync = false } = {}): Promise<LocalPart> {
  return inTemporaryFolder('postgres', dir =>
    startPostgres({ dir, fsync, autovacuum: fsync, mayCreateDatabases: true }),
  );
}

async function inTemporaryFolder(name: string, start: (dir: string) => Promise<RunningServer>): Promise<LocalPart> {
  const folder = await mkdtemp(join(tmpdir(), `3cx-relay-test-${name}-`));
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const server = await start(folder);
    process.once('exit', server.kill);
    return {
      url: server.url,
      async stop() {
        process.removeListener('exit', server.kill);
        await server.stop();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
