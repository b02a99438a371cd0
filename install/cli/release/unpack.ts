import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { formatBytes } from '../print.ts';
import { reasonOf, runProgram } from '../system.ts';
import { type Releases, versionOf } from './releases.ts';

const TAR_TIMEOUT_MS = 300_000;
const PACKAGES_TIMEOUT_MS = 900_000;
/** What a packed release grows to, at most. */
const GROWS_BY = 6;
const SPARE_BYTES = 200 * 1024 ** 2;

/**
 * Puts a release beside the others and returns its version. `source`: a tarball with its `.sha256` beside it, a folder
 * with such a tarball (the newest counts), or an unpacked release. It gets its name when it is whole, so that whoever is
 * killed meanwhile leaves nothing that looks like a release.
 *
 * @throws Error with what is wrong with it
 */
export async function unpackRelease(releases: Releases, source: string): Promise<string> {
  const info = await stat(source).catch(() => null);
  if (!info) throw new Error(`${source} is not there.`);
  const isUnpacked = info.isDirectory() && existsSync(join(source, 'package.json'));
  // As install.sh leaves it for an upgrade.
  if (isUnpacked && releases.isComplete(versionOf(source))) return versionOf(source);
  const tarball = info.isFile() ? source : isUnpacked ? null : await newestIn(source);
  if (tarball) {
    await verifyChecksum(tarball);
    await requireRoom(releases.folder, (await stat(tarball)).size * GROWS_BY);
  }
  await mkdir(releases.folder, { recursive: true });
  const staging = await mkdtemp(join(releases.folder, '.incoming-'));
  try {
    const unpacked = tarball
      ? await extract(tarball, staging)
      : await cp(source, join(staging, 'release'), { recursive: true, verbatimSymlinks: true }).then(() =>
          join(staging, 'release'),
        );
    const version = versionOf(unpacked);
    if (releases.isComplete(version)) return version;
    await installPackages(unpacked);
    await rm(join(unpacked, '.complete'), { force: true });
    await rm(releases.pathOf(version), { recursive: true, force: true });
    await rename(unpacked, releases.pathOf(version));
    await markComplete(releases.pathOf(version));
    return version;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function newestIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter(name => /^3cx-relay-.+\.tar\.gz$/.test(name));
  const files = await Promise.all(
    names.map(async name => ({ path: join(folder, name), at: (await stat(join(folder, name))).mtimeMs })),
  );
  const newest = files.toSorted((one, other) => other.at - one.at)[0];
  if (newest) return newest.path;
  throw new Error(`${folder} holds neither a release nor a file 3cx-relay-<version>.tar.gz.`);
}

/** `<hash>  <name>`, as sha256sum writes it. */
async function verifyChecksum(tarball: string): Promise<void> {
  const text = await readFile(`${tarball}.sha256`, 'utf8').catch(() => null);
  const expected = text?.trim().split(/\s+/)[0]?.toLowerCase();
  if (!expected) throw new Error(`${tarball}.sha256 is missing: take it from where the release came from.`);
  if (expected !== (await sha256Of(tarball)))
    throw new Error(`${tarball} is not what its .sha256 says: copy it again, nothing was changed.`);
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes + SPARE_BYTES) return;
  throw new Error(`${folder} has ${formatBytes(free)} left, too little for a release: make room first.`);
}

/** The tarball has one folder, or is the release itself. */
async function extract(tarball: string, staging: string): Promise<string> {
  const target = join(staging, 'release');
  await mkdir(target);
  const args = ['-xzf', tarball, '-C', target, '--no-same-owner'];
  const unpacked = await runProgram('tar', args, { timeoutMs: TAR_TIMEOUT_MS });
  if (unpacked.code !== 0) throw new Error(`${tarball} cannot be unpacked: ${reasonOf(unpacked)}`);
  const [only, ...more] = await readdir(target);
  return only !== undefined && more.length === 0 && only !== 'package.json' ? join(target, only) : target;
}

async function installPackages(folder: string): Promise<void> {
  if (existsSync(join(folder, 'node_modules')) || !existsSync(join(folder, 'package-lock.json'))) return;
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const installed = await runProgram('npm', args, { cwd: folder, timeoutMs: PACKAGES_TIMEOUT_MS });
  if (installed.code === 0) return;
  const hint = 'without a network, take the release with packages (made with --with-modules)';
  throw new Error(`the packages of this release could not be installed: ${reasonOf(installed)}; ${hint}`);
}

async function markComplete(folder: string): Promise<void> {
  const file = await open(join(folder, '.complete'), 'w', 0o644);
  try {
    await file.write(`${new Date().toISOString()}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
