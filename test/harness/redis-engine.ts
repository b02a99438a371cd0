import { join } from 'node:path';
import { startRedis } from '../../install/dev/redis.ts';
import { startClusterStand } from './redis-cluster.ts';
import type { RedisStand } from './redis-node.ts';
import { startSentinelStand } from './redis-sentinel.ts';

export type RedisEngineName = 'single' | 'sentinel' | 'cluster';

/** The Redis of a system under test, whatever kind it is. */
export type RedisEngine = {
  url: string;
  /** SIGKILL for the server that takes the writes. Alone it is away until it is started; otherwise another one follows. */
  kill(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
};

/** `TEST_REDIS` says on which kind of Redis whole systems are tested. */
export function redisEngineName(): RedisEngineName {
  const name = process.env.TEST_REDIS ?? 'single';
  if (name === 'single' || name === 'sentinel' || name === 'cluster') return name;
  throw new Error(`TEST_REDIS is "${name}": use "single" (the default), "sentinel" or "cluster".`);
}

export async function startRedisEngine(
  name: RedisEngineName,
  options: { dir: string; pbxId: string },
): Promise<RedisEngine> {
  if (name === 'sentinel') return ofStand(await startSentinelStand());
  if (name === 'cluster') return ofStand(await startClusterStand(options.pbxId));
  const dir = join(options.dir, 'redis');
  let server = await startRedis({ dir });
  return {
    url: server.url,
    async kill() {
      const { port } = server;
      server.kill();
      await server.exited;
      return async () => {
        server = await startRedis({ dir, port });
      };
    },
    stop: () => server.stop(),
  };
}

function ofStand({ url, failOver, stop }: RedisStand): RedisEngine {
  return { url, kill: failOver, stop };
}
