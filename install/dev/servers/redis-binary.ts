import { OperatorError } from '../operator-error.js';
import { findCommand, runCommand } from '../system/command.ts';
import { aptInstall, canUseApt } from './apt-install.ts';

export type RedisBinary = { path: string; version: string };

export async function findRedisBinary(): Promise<RedisBinary | undefined> {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = await findCommand(name);
    if (path === undefined) continue;
    const { output } = await runCommand(path, ['--version'], { timeoutMs: 5_000 });
    const version = /v=(\d+\.\d+\.\d+)/.exec(output)?.[1];
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

/** A binary that is there, or one that apt brings. Undefined when this machine has no way but a container. */
export async function obtainRedisBinary(): Promise<RedisBinary | undefined> {
  const present = await findRedisBinary();
  if (present !== undefined) return present;
  if (!(await canUseApt())) return undefined;
  const problem = await aptInstall(['redis-server', 'valkey-server']);
  const installed = await findRedisBinary();
  if (installed !== undefined) return installed;
  throw new OperatorError(
    `Redis could not be installed (${problem ?? 'the package brought no server'}); run "apt-get install redis-server" and start again, or set REDIS_URL.`,
  );
}
