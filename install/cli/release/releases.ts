import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * The releases below a prefix: `releases/<version>/`, each whole or not there (`.complete` is written last), and the
 * links `current` and `previous`. A link is changed by renaming a new one over it, so that it never points nowhere.
 */
export interface Releases {
  readonly prefix: string;
  readonly folder: string;
  pathOf(version: string): string;
  /** Complete ones, oldest installation first. */
  list(): string[];
  isComplete(version: string): boolean;
  /** Null: the link is not there, or what it names is not complete. */
  linked(link: 'current' | 'previous'): string | null;
  point(link: 'current' | 'previous', version: string): void;
  /** What an interrupted copy left. */
  removeIncomplete(): string[];
  /** All but the newest `keep`, and never one that a link names. Returns what went. */
  prune(keep: number): string[];
}

export const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/;
const COMPLETE = '.complete';

export function openReleases(prefix: string): Releases {
  const folder = join(prefix, 'releases');
  const pathOf = (version: string) => join(folder, version);
  const isComplete = (version: string) => exists(join(pathOf(version), COMPLETE));
  const names = () => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
  const installedAt = (version: string) => statSync(join(pathOf(version), COMPLETE)).mtimeMs;
  const list = () =>
    names()
      .filter(isComplete)
      .toSorted((one, other) => installedAt(one) - installedAt(other));

  function linked(link: 'current' | 'previous'): string | null {
    try {
      const version = basename(readlinkSync(join(prefix, link)));
      return isComplete(version) ? version : null;
    } catch {
      return null;
    }
  }

  return {
    prefix,
    folder,
    pathOf,
    list,
    isComplete,
    linked,
    point(link, version) {
      const draft = join(prefix, `.${link}.${process.pid}`);
      rmSync(draft, { force: true });
      symlinkSync(join('releases', version), draft);
      renameSync(draft, join(prefix, link));
    },
    removeIncomplete() {
      const left = names().filter(name => !isComplete(name));
      for (const name of left) rmSync(pathOf(name), { recursive: true, force: true });
      return left;
    },
    prune(keep) {
      const linkedNow = new Set([linked('current'), linked('previous')]);
      const old = list()
        .slice(0, -keep)
        .filter(version => !linkedNow.has(version));
      for (const version of old) {
        // First: one that is only half removed must not count as complete.
        rmSync(join(pathOf(version), COMPLETE), { force: true });
        rmSync(pathOf(version), { recursive: true, force: true });
      }
      return old;
    },
  };
}

/** @throws Error when it is no release of this product */
export function versionOf(folder: string): string {
  let manifest: { name?: unknown; version?: unknown };
  try {
    manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch (cause) {
    throw new Error(`${folder} holds no release: its package.json cannot be read.`, { cause });
  }
  const { name, version } = manifest;
  if (name === '3cx-relay' && typeof version === 'string' && VERSION.test(version)) return version;
  throw new Error(`${folder} holds no release of the relay: its package.json says ${name} ${version}.`);
}

/** Names of the migrations that a release brings. */
export function migrationsOf(folder: string): string[] {
  try {
    return readdirSync(join(folder, 'shared/store/migrations'))
      .filter(file => file.endsWith('.sql'))
      .map(file => file.replace(/\.sql$/, ''))
      .toSorted();
  } catch {
    return [];
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
