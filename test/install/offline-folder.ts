import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRelease } from '../../install/release/make-release.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What somebody carries to a server without network: this version, the installer beside it, and room for the packages. */
export async function makeOfflineFolder(versions: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), '3cx-relay-offline-'));
  mkdirSync(join(folder, 'packages'));
  copyFileSync(join(ROOT, 'install/install.sh'), join(folder, 'install.sh'));
  const [first, ...later] = versions;
  if (first !== undefined) await makeRelease({ root: ROOT, out: folder, version: first, withModules: true });
  // Beside it, so that the installer does not take the newest of them.
  for (const version of later)
    await makeRelease({ root: ROOT, out: join(folder, 'later'), version, withModules: true });
  return folder;
}
