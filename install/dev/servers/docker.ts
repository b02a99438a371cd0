import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../operator-error.js';
import { runCommand } from '../system/command.ts';
import { findFreePort } from '../system/ports.ts';
import { announce } from '../terminal.js';
import { neverExits, type RunningServer } from './running-server.ts';

/** The last resort where no server binary is to be had: the containers of docker-compose.dev.yml. */
const composeFile = fileURLToPath(new URL('../../../docker-compose.dev.yml', import.meta.url));

export async function isDockerAvailable(): Promise<boolean> {
  const [engine, compose] = await Promise.all([
    runCommand('docker', ['info'], { timeoutMs: 10_000 }),
    runCommand('docker', ['compose', 'version'], { timeoutMs: 10_000 }),
  ]);
  return engine.code === 0 && compose.code === 0;
}

export async function startContainer(
  service: 'redis' | 'postgres',
  request: { projectFile: string },
): Promise<RunningServer> {
  const port = await findFreePort();
  const project = keepProjectName(request.projectFile);
  announce(`starting ${service} in a container`);
  const env = { [`RELAY_${service.toUpperCase()}_PORT`]: String(port) };
  const compose = (...args: string[]): ReturnType<typeof runCommand> =>
    runCommand('docker', ['compose', '--file', composeFile, '--project-name', project, ...args], {
      env,
      timeoutMs: 300_000,
    });
  const started = await compose('up', '--detach', '--wait', service);
  if (started.code !== 0) {
    const reason = started.output.trim().split('\n').at(-1);
    throw new OperatorError(`The container for ${service} did not start: ${reason}.`);
  }
  return {
    url: service === 'redis' ? `redis://127.0.0.1:${port}` : `postgres://relay:relay@127.0.0.1:${port}/relay`,
    version: 'in a container',
    pid: undefined,
    exited: neverExits,
    kill: () => {},
    // The data is in a volume; a container that stays behind would only wait to be replaced.
    stop: async () => void (await compose('rm', '--stop', '--force', service)),
  };
}

/**
 * One project, and so one volume, for each data folder: with the one name of the compose file a second checkout would
 * take the first one's container and data. The name is random and kept in the folder, not made from its path, so that
 * deleting the folder is the complete reset with containers too.
 */
export function keepProjectName(path: string): string {
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (kept !== '') return kept;
  } catch {
    // the first container of this folder
  }
  const name = `3cx-relay-${randomBytes(6).toString('hex')}`;
  writeFileSync(path, `${name}\n`, { mode: 0o600 });
  return name;
}
