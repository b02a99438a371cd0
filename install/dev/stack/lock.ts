import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../operator-error.js';
import { identifyProcess, isSameProcess } from '../system/process-identity.ts';

/**
 * One launcher per data folder. The lock names its owner and every process the owner started, each with the moment it
 * started: after a kill -9 the next launcher takes the lock over and ends exactly those processes, and no other that
 * happens to have the same id.
 */
export type RecordedProcess = { name: string; pid: number; identity: string };

type LockContent = { pid: number; identity: string; startedAt: string; children: RecordedProcess[] };

export type Lock = {
  /** Processes of a predecessor that died without stopping them. */
  leftovers: readonly RecordedProcess[];
  record(name: string, pid: number): void;
  release(): void;
};

export function acquireLock(path: string): Lock {
  const content: LockContent = {
    pid: process.pid,
    identity: identifyProcess(process.pid) ?? '',
    startedAt: new Date().toISOString(),
    children: [],
  };
  const leftovers = take(path, content);
  // Kept until they are ended: a start that is killed during the clean-up must not forget them.
  content.children.push(...leftovers);
  replaceFile(path, content);
  return {
    leftovers,
    record(name, pid) {
      const identity = identifyProcess(pid);
      content.children = content.children.filter(child => child.name !== name);
      if (identity !== undefined) content.children.push({ name, pid, identity });
      replaceFile(path, content);
    },
    release() {
      rmSync(path, { force: true });
    },
  };
}

function take(path: string, content: LockContent): RecordedProcess[] {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 });
  try {
    let leftovers: RecordedProcess[] = [];
    for (;;) {
      try {
        // link() creates the name or fails, and the name never shows a half-written file.
        linkSync(draft, path);
        return leftovers;
      } catch (error) {
        if (!isAlreadyThere(error)) throw error;
      }
      const present = readLock(path);
      if (present !== undefined && isSameProcess(present.pid, present.identity)) {
        throw new OperatorError(
          `already running (pid ${present.pid}); stop it with Ctrl-C there or "kill ${present.pid}".`,
        );
      }
      leftovers = present?.children ?? leftovers;
      removeStale(path, present);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Renamed first: of two launchers that found the same stale lock only one gets it, and nobody removes a fresh one. */
function removeStale(path: string, stale: LockContent | undefined): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const grabbed = readLock(aside);
  if (grabbed !== undefined && grabbed.identity !== stale?.identity) {
    try {
      linkSync(aside, path);
    } catch {
      // a third launcher holds it by now
    }
  }
  rmSync(aside, { force: true });
}

function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function replaceFile(path: string, content: LockContent): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 });
  renameSync(draft, path);
}

function readLock(path: string): LockContent | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isLockContent(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

function isLockContent(value: unknown): value is LockContent {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'identity' in value &&
    typeof value.identity === 'string' &&
    'children' in value &&
    Array.isArray(value.children) &&
    value.children.every(
      child => typeof child?.name === 'string' && typeof child.pid === 'number' && typeof child.identity === 'string',
    )
  );
}
