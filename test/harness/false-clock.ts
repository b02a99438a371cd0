import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptInstall, canUseApt } from '../../install/dev/servers/apt-install.ts';

/** A clock that one process goes by, and nobody else. What it measures between two moments stays true. */
export type FalseClock = {
  /** For the environment of that process. */
  env: Record<string, string>;
  /** Behind the true one, from now on. */
  setBack(seconds: number): Promise<void>;
  remove(): Promise<void>;
};

/** Null where libfaketime is neither there nor to be had. */
export async function createFalseClock(): Promise<FalseClock | null> {
  if (!findLibrary() && (await canUseApt())) await aptInstall(['libfaketime']);
  const library = findLibrary();
  if (!library) return null;
  const dir = await mkdtemp(join(tmpdir(), 'relay-false-clock-'));
  const file = join(dir, 'offset');
  const set = async (offset: string) => {
    // Never half written: the process looks whenever it asks for the time.
    await writeFile(`${file}.next`, offset);
    await rename(`${file}.next`, file);
  };
  await set('+0');
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    setBack: seconds => set(`-${seconds}`),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

function findLibrary(): string | undefined {
  const root = '/usr/lib';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .map(name => join(root, name, 'faketime', 'libfaketime.so.1'))
    .find(path => existsSync(path));
}
