import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RedisOptions, startRedis } from '../../../install/dev/redis.ts';
import { obtainRedisBinary } from '../../../install/dev/servers/redis-binary.ts';
import { startLocalPostgres } from '../../harness/infra.ts';
import { useServers } from '../../harness/infra-access.ts';
import { prepareTemplate } from '../../harness/infra-template.ts';

/** A Redis of a benchmark, fresh for each run. */
export interface BenchRedis {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** `fsync`: as in production, as Redis is configured by default (`none`: no append file), or each second. */
export type Fsync = 'always' | 'everysec' | 'none';

/** Servers for one row: a PostgreSQL for its whole length, a new Redis for each run. */
export interface Stand {
  readonly databaseUrl: string;
  redis(fsync?: Fsync): Promise<BenchRedis>;
  stop(): Promise<void>;
}

export async function openStand(options: { fsyncPostgres?: boolean } = {}): Promise<Stand> {
  await obtainRedisBinary();
  const postgres = await startLocalPostgres({ fsync: options.fsyncPostgres ?? false });
  await prepareTemplate(postgres.url);
  return {
    databaseUrl: postgres.url,
    async redis(fsync = 'always') {
      const redis = await openRedis(fsync);
      useServers({ redisUrl: redis.url, databaseUrl: postgres.url });
      return redis;
    },
    stop: () => postgres.stop(),
  };
}

async function openRedis(fsync: Fsync): Promise<BenchRedis> {
  const dir = await mkdtemp(join(tmpdir(), '3cx-relay-bench-redis-'));
  const appendFsync: RedisOptions['appendFsync'] = fsync === 'none' ? 'no' : fsync;
  const server = await startRedis({ dir, appendFsync });
  // A row that breaks is not to leave gigabytes behind.
  const dispose = () => {
    server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', dispose);
  if (fsync === 'none') await switchOffAppendFile(server.url);
  return {
    url: server.url,
    pid: server.pid ?? 0,
    async stop() {
      process.removeListener('exit', dispose);
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function switchOffAppendFile(url: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url);
  await redis.config('SET', 'appendonly', 'no');
  await redis.quit();
}
