import { mkdtemp, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../install/dev/system/command.ts';

/** A file system of its own with little room, so that it can be full without anybody else's noticing. */
export type SmallDisk = {
  dir: string;
  /** Takes all room but this. */
  fill(leavingBytes: number): Promise<void>;
  makeRoom(): Promise<void>;
  remove(): Promise<void>;
};

/** Null where it may not be mounted: that is root's to do. */
export async function createSmallDisk(megabytes: number): Promise<SmallDisk | null> {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return null;
  const dir = await mkdtemp(join(tmpdir(), 'relay-small-disk-'));
  const options = { timeoutMs: 10_000 };
  const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir], options);
  if (mounted.code !== 0) {
    await rm(dir, { recursive: true, force: true });
    return null;
  }
  const ballast = join(dir, 'ballast');
  return {
    dir,
    async fill(leavingBytes) {
      const { bavail, bsize } = await statfs(dir);
      try {
        await writeFile(ballast, Buffer.alloc(bavail * bsize));
      } catch (error) {
        // Others write meanwhile, and took a part of the room.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      }
      await truncate(ballast, Math.max(0, (await stat(ballast)).size - leavingBytes));
    },
    makeRoom: () => rm(ballast, { force: true }),
    async remove() {
      // Whoever still has a file open there holds it only as long as it lives.
      await runCommand('umount', ['--lazy', dir], options);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
