import { readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Settings } from '../settings.ts';

const NAME = /^3cx-relay-\d{8}T\d{6}Z\.backup$/;

export interface KeptBackup {
  readonly path: string;
  readonly at: Date;
  readonly bytes: number;
}

export function backupFolder({ installation, values }: Settings): string {
  return installation?.backupFolder ?? resolve(values.RELAY_DATA_DIR ?? '.data', 'backups');
}

/** Of those that are made every night, of which old ones go: the others stay for as long as somebody wants them. */
export function dailyFolder(settings: Settings): string {
  return join(backupFolder(settings), 'daily');
}

export function newBackupPath(folder: string, now: Date = new Date()): string {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return join(folder, `3cx-relay-${time}.backup`);
}

/** Newest first; none when there is no folder. @throws when this user may not look into it */
export function listBackups(folder: string): KeptBackup[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter(name => NAME.test(name))
    .map(name => {
      const { mtime, size } = statSync(join(folder, name));
      return { path: join(folder, name), at: mtime, bytes: size };
    })
    .toSorted((one, other) => other.at.getTime() - one.at.getTime());
}

/** Removes all but the newest; returns the paths. */
export function pruneBackups(folder: string, keep: number): string[] {
  const old = listBackups(folder).slice(keep);
  for (const { path } of old) rmSync(path, { force: true });
  return old.map(({ path }) => path);
}
