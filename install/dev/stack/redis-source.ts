import { join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { startRedis } from '../redis.ts';
import { isDockerAvailable, startContainer } from '../servers/docker.ts';
import { obtainRedisBinary } from '../servers/redis-binary.ts';
import { neverExits, type RunningServer } from '../servers/running-server.ts';
import type { DataFolder } from './data-folder.ts';
import type { Environment } from './environment.ts';
import { rotateLog } from './service-log.ts';

export type ServerSource = { start(onSpawn: (pid: number) => void): Promise<RunningServer> };

/** Where Redis comes from: an address, a binary (installed by apt when we may), a container, or a clear request. */
export async function chooseRedis(environment: Environment, folder: DataFolder): Promise<ServerSource> {
  const url = environment.REDIS_URL;
  if (url !== undefined) return { start: async () => somebodyElses(url) };
  if ((await obtainRedisBinary()) !== undefined) {
    const logFile = join(folder.logs, 'redis.log');
    rotateLog(logFile);
    let port: number | undefined;
    return {
      async start(onSpawn) {
        // The address must survive a restart: the services were told this one.
        const server = await startRedis({
          dir: folder.redis,
          logFile,
          onSpawn,
          ...(port === undefined ? {} : { port }),
        });
        port = server.port;
        return server;
      },
    };
  }
  if (await isDockerAvailable())
    return { start: () => startContainer('redis', { projectFile: folder.composeProject }) };
  throw new OperatorError(missingRedis());
}

function missingRedis(): string {
  const command = process.platform === 'darwin' ? 'brew install redis' : 'sudo apt-get install redis-server';
  return `Redis is missing and cannot be installed without root; run "${command}" (or set REDIS_URL), then start again.`;
}

export function somebodyElses(url: string): RunningServer {
  return {
    url,
    version: 'given by the environment',
    pid: undefined,
    exited: neverExits,
    kill: () => {},
    stop: async () => {},
  };
}
