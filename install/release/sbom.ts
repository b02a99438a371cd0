import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fail } from '../dev/terminal.js';
import { findProductionPackages, toProductionLock, toProductionManifest } from './production-packages.ts';
import { WORKSPACES } from './release-files.ts';

/**
 * The packages of a release as CycloneDX JSON, made by npm from a lock file alone: nothing is asked of a registry.
 * `npm run sbom` prints that of this checkout, tools of development left out.
 */
const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const ARGUMENTS = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--omit=dev', '--package-lock-only'];

/**
 * @param folder with a `package-lock.json` and the manifests that belong to it
 * @param options.seconds the time it states; the same lock file and time give the same text
 */
export async function makeSbom(folder: string, options: { seconds: number; name: string }): Promise<string> {
  const { stdout } = await run('npm', ARGUMENTS, { cwd: folder, maxBuffer: MAX_OUTPUT_BYTES });
  const {
    serialNumber: _,
    metadata,
    ...sbom
  } = JSON.parse(stdout) as {
    serialNumber: string;
    metadata: { component: object };
  };
  // npm names it after the folder, and each document anew.
  const named = {
    ...metadata,
    timestamp: new Date(options.seconds * 1_000).toISOString(),
    component: { ...metadata.component, name: options.name },
  };
  return `${JSON.stringify({ ...sbom, metadata: named }, null, 2)}\n`;
}

/** Of a checkout, as its release would have it: the lock file of a checkout calls what tests need, too, development. */
export async function makeSbomOfCheckout(root: string, options: { seconds: number }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), '3cx-relay-sbom-'));
  try {
    const read = async (path: string) => JSON.parse(await readFile(join(root, path), 'utf8'));
    const lock = await read('package-lock.json');
    const manifest = toProductionManifest(await read('package.json'), WORKSPACES);
    const kept = findProductionPackages(lock, WORKSPACES);
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify(toProductionLock(lock, manifest, kept)));
    for (const workspace of WORKSPACES) {
      await mkdir(join(folder, workspace), { recursive: true });
      await cp(join(root, workspace, 'package.json'), join(folder, workspace, 'package.json'));
    }
    return await makeSbom(folder, { ...options, name: manifest.name });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  try {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    process.stdout.write(await makeSbomOfCheckout(root, { seconds: Math.floor(Date.now() / 1_000) }));
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error), process.stderr);
    process.exitCode = 1;
  }
}
