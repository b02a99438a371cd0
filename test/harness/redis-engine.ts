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
  /** SIGSTOP for the one server: it takes connections and answers nothing, until what is returned is called. */
  freeze(): () => void;
  /** What only servers that belong together can do. */
  readonly stand: RedisStand | null;
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
    stand: null,
    freeze() {
      const { pid } = server;
      if (pid === undefined) throw new Error('this Redis is not a process of ours');
      process.kill(pid, 'SIGSTOP');
      return () => void process.kill(pid, 'SIGCONT');
    },
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

function ofStand(stand: RedisStand): RedisEngine {
  const freeze = () => {
    throw new Error('of several servers none is frozen: kill the master');
  };
  return { url: stand.url, stand, kill: stand.failOver, freeze, stop: stand.stop };
}
