import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { releaseLockFile, takeLockFile, thisProcess } from '@3cx-relay/shared/runtime/lock-file.ts';
import { wholeNumber } from '../options.ts';
import type { Settings } from '../settings.ts';
import { type Changing, DEFAULT_TIMEOUT_MS } from './change-release.ts';
import { openReleases } from './releases.ts';

/** Work on the releases of this machine, by one process at a time. `timeout`: seconds, as it was typed. */
export async function withReleases(
  settings: Settings,
  timeout: string | undefined,
  work: (deps: Changing) => Promise<number>,
): Promise<number> {
  const { installation } = settings;
  if (!installation)
    throw new Error('Nothing is installed on this machine: this is a checkout, which has no releases.');
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : 1_000 * wholeNumber('timeout', timeout);
  const { prefix } = installation;
  try {
    accessSync(prefix, constants.W_OK);
  } catch (cause) {
    throw new Error(`${prefix} cannot be written: run this with sudo.`, { cause });
  }
  const lock = join(prefix, '.upgrade.lock');
  const attempt = takeLockFile(lock, thisProcess());
  if (attempt.kind === 'held')
    throw new Error(`Another upgrade goes on since ${attempt.owner.startedAt} (process ${attempt.owner.pid}).`);
  try {
    const say = (line: string) => void process.stdout.write(`  ${line}\n`);
    return await work({ settings, installation, releases: openReleases(prefix), timeoutMs, say });
  } finally {
    releaseLockFile(lock);
  }
}
