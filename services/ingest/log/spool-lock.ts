import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { releaseLockFile, takeLockFile, thisProcess } from '@3cx-relay/shared/runtime/lock-file.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';

/**
 * One ingest for each spool folder. Two that append to the same file tear each other's lines, and the first whose Redis
 * is back cuts away what the other has still to write: nobody would learn what was lost.
 */
export interface SpoolLock {
  release(): void;
}

const NAME = 'ingest.lock';

/** Creates the folder when it is missing. @throws OperatorError `SPOOL_IN_USE` or `SPOOL_UNUSABLE` */
export function lockSpoolFolder(folder: string): SpoolLock {
  const path = join(folder, NAME);
  const attempt = take(folder, path);
  if (attempt.kind === 'held') {
    const { pid, startedAt } = attempt.owner;
    const since = startedAt ? ` since ${startedAt}` : '';
    throw new OperatorError(
      'SPOOL_IN_USE',
      `the spool folder ${resolve(folder)} is in use by another ingest (pid ${pid}${since}): stop that one ("kill ${pid}"); one for another PBX, or one that stands by for this PBX, needs a SPOOL_DIR of its own`,
    );
  }
  return { release: () => releaseLockFile(path) };
}

function take(folder: string, path: string) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return takeLockFile(path, thisProcess());
  } catch (cause) {
    const message = `the spool folder ${resolve(folder)} cannot be used: set SPOOL_DIR to a folder that ingest may write`;
    throw new OperatorError('SPOOL_UNUSABLE', message, { cause });
  }
}
