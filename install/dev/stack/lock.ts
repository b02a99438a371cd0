import { releaseLockFile, rewriteLockFile, takeLockFile, thisProcess } from '../../../shared/runtime/lock-file.ts';
import { identifyProcess } from '../../../shared/runtime/process-identity.ts';
import { OperatorError } from '../operator-error.js';

/**
 * One launcher per data folder. The lock names, beside its owner, every process the owner started, each with the moment
 * it started: after a kill -9 the next launcher takes the lock over and ends exactly those processes, and no other that
 * happens to have the same id.
 */
export type RecordedProcess = { name: string; pid: number; identity: string };

export type Lock = {
  /** Processes of a predecessor that died without stopping them. */
  leftovers: readonly RecordedProcess[];
  record(name: string, pid: number): void;
  release(): void;
};

export function acquireLock(path: string): Lock {
  const content = { ...thisProcess(), children: [] as RecordedProcess[] };
  const attempt = takeLockFile(path, content);
  if (attempt.kind === 'held') {
    const { pid } = attempt.owner;
    throw new OperatorError(`already running (pid ${pid}); stop it with Ctrl-C there or "kill ${pid}".`);
  }
  const leftovers = childrenIn(attempt.stale);
  // Kept until they are ended: a start that is killed during the clean-up must not forget them.
  content.children.push(...leftovers);
  rewriteLockFile(path, content);
  return {
    leftovers,
    record(name, pid) {
      const identity = identifyProcess(pid);
      content.children = content.children.filter(child => child.name !== name);
      if (identity !== undefined) content.children.push({ name, pid, identity });
      rewriteLockFile(path, content);
    },
    release: () => releaseLockFile(path),
  };
}

function childrenIn(stale: unknown): RecordedProcess[] {
  const children = typeof stale === 'object' && stale !== null && 'children' in stale ? stale.children : [];
  return Array.isArray(children) ? children.filter(isRecorded) : [];
}

function isRecorded(child: unknown): child is RecordedProcess {
  return (
    typeof child === 'object' &&
    child !== null &&
    'name' in child &&
    typeof child.name === 'string' &&
    'pid' in child &&
    typeof child.pid === 'number' &&
    'identity' in child &&
    typeof child.identity === 'string'
  );
}
