import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf, runProgram } from '../system.ts';
import { type BackupManifest, readManifest } from './manifest.ts';

const TAR_TIMEOUT_MS = 3_600_000;

/** The backup in a private folder that goes again afterwards; every file was compared with the manifest. */
export async function withBackup<Result>(
  file: string,
  work: (backup: { folder: string; manifest: BackupManifest }) => Promise<Result>,
): Promise<Result> {
  if (!(await stat(file).catch(() => null))) throw new Error(`${file} is not there.`);
  const folder = await mkdtemp(join(process.env.TMPDIR ?? tmpdir(), '3cx-relay-restore-'));
  try {
    const args = ['-xf', file, '-C', folder, '--no-same-owner'];
    const unpacked = await runProgram('tar', args, { timeoutMs: TAR_TIMEOUT_MS });
    if (unpacked.code !== 0) throw new Error(`${file} cannot be unpacked: ${reasonOf(unpacked)}`);
    return await work({ folder, manifest: await readManifest(folder) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
