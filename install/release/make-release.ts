import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startPanelBuild } from '../dev/stack/panel.ts';
import { fail, succeed } from '../dev/terminal.js';
import { findProductionPackages, toProductionLock, toProductionManifest } from './production-packages.ts';
import { listReleaseFiles, WORKSPACES } from './release-files.ts';
import { makeSbom } from './sbom.ts';

/**
 * `npm run release`: writes `3cx-relay-<version>.tar.gz` and its `.sha256`. The same checkout gives the same bytes:
 * names are sorted, and neither times nor users of this machine get in.
 */
const USAGE = `Usage: npm run release -- [options]
  --out DIR        where the files go (default .data/release)
  --version TEXT   another version than that of package.json
  --with-modules   with production packages and the Node runtime, for a server without network
`;
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface ReleaseOptions {
  /** The checkout. */
  readonly root: string;
  /** Folder of the tarball; made if need be. */
  readonly out: string;
  readonly version?: string;
  readonly withModules: boolean;
}

/** @returns the path of the tarball */
export async function makeRelease(options: ReleaseOptions): Promise<string> {
  const manifest = JSON.parse(await readFile(join(options.root, 'package.json'), 'utf8'));
  const version = options.version ?? manifest.version;
  if (!/^[0-9A-Za-z.+-]{1,64}$/.test(version)) throw new Error(`"${version}" is not a version, such as 1.2.3`);
  const name = `3cx-relay-${version}`;
  const staging = await mkdtemp(join(tmpdir(), '3cx-relay-release-'));
  try {
    await stage(options, { folder: join(staging, name), manifest: { ...manifest, version } });
    await mkdir(options.out, { recursive: true });
    const tarball = join(options.out, `${name}.tar.gz`);
    await pack({ staging, name, tarball });
    await writeFile(`${tarball}.sha256`, `${await sha256(tarball)}  ${name}.tar.gz\n`);
    return tarball;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function stage(
  options: ReleaseOptions,
  release: { folder: string; manifest: { name: string; version: string } },
): Promise<void> {
  const { folder } = release;
  const workspaces = [...WORKSPACES];
  const lock = JSON.parse(await readFile(join(options.root, 'package-lock.json'), 'utf8'));
  const packages = findProductionPackages(lock, workspaces);
  const manifest = toProductionManifest(release.manifest, workspaces);
  const copy = async (path: string) => {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await cp(join(options.root, path), target, { recursive: true, verbatimSymlinks: true });
  };
  for (const path of listReleaseFiles(options.root)) await copy(path);
  await writeFile(join(folder, 'package.json'), toJson(manifest));
  await writeFile(join(folder, 'package-lock.json'), toJson(toProductionLock(lock, manifest, packages)));
  const sbom = await makeSbom(folder, { seconds: Number(await timeOfSource()), name: manifest.name });
  await writeFile(join(folder, 'sbom.cdx.json'), sbom);
  if (!options.withModules) return;
  for (const path of packages.filter(each => each.startsWith('node_modules/') || each.includes('/node_modules/'))) {
    // Packages of other platforms are locked and not there.
    if (existsSync(join(options.root, path))) await copy(path);
  }
  await mkdir(join(folder, 'runtime/bin'), { recursive: true });
  await cp(join(options.root, 'node_modules/node/bin/node'), join(folder, 'runtime/bin/node'));
}

async function pack(paths: { staging: string; name: string; tarball: string }): Promise<void> {
  const tar = paths.tarball.replace(/\.gz$/, '');
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${await timeOfSource()}`];
  await run('tar', [...same, '--mode=u=rwX,go=rX', '-C', paths.staging, '-cf', tar, paths.name]);
  await run('gzip', ['-n', '-f', tar], { maxBuffer: MAX_OUTPUT_BYTES });
}

/** Seconds: the convention of reproducible builds, else the time of the commit, else the epoch. */
async function timeOfSource(): Promise<string> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return given;
  try {
    const { stdout } = await run('git', ['-C', root, 'log', '-1', '--format=%ct']);
    return stdout.trim() || '0';
  } catch {
    return '0';
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function buildPanel(): Promise<void> {
  const build = await startPanelBuild(root, () => undefined);
  if (build && !(await build.done)) throw new Error('the panel could not be built, so there is no release');
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: 'string' },
        version: { type: 'string' },
        'with-modules': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) process.stdout.write(USAGE);
    else {
      const startedAt = Date.now();
      await buildPanel();
      const tarball = await makeRelease({
        root,
        out: resolve(values.out ?? join(root, '.data/release')),
        ...(values.version === undefined ? {} : { version: values.version }),
        withModules: values['with-modules'] ?? false,
      });
      succeed('release', tarball, Date.now() - startedAt);
    }
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error), process.stderr);
    process.exitCode = 1;
  }
}
