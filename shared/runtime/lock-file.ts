import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { identifyProcess, isSameProcess } from './process-identity.ts';

/**
 * A file that says which process has something for itself. It names its owner by id and by the moment that one was
 * started: after a kill -9 the next process takes it over, also when the id belongs to another program by then.
 *
 * Good for the processes of one host: whoever cannot see the owner's process takes it for dead.
 */
export interface LockOwner {
  readonly pid: number;
  readonly identity: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

export type LockAttempt =
  /** `stale`: what the dead owner had written, JSON as it was read; undefined when nobody was there. */
  { readonly kind: 'taken'; readonly stale: unknown } | { readonly kind: 'held'; readonly owner: LockOwner };

export function thisProcess(): LockOwner {
  return {
    pid: process.pid,
    identity: identifyProcess(process.pid) ?? '',
    startedAt: new Date().toISOString(),
  };
}

/** `content` may say more than who the owner is. The folder must be there. */
export function takeLockFile(path: string, content: LockOwner): LockAttempt {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 });
  try {
    let stale: unknown;
    for (;;) {
      try {
        // link() creates the name or fails, and the name never shows a half-written file.
        linkSync(draft, path);
        return { kind: 'taken', stale };
      } catch (error) {
        if (!isAlreadyThere(error)) throw error;
      }
      const present = readJson(path);
      if (isOwner(present) && isSameProcess(present.pid, present.identity)) return { kind: 'held', owner: present };
      stale = present ?? stale;
      removeStale(path, present);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For an owner that has something else to say. */
export function rewriteLockFile(path: string, content: LockOwner): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 });
  renameSync(draft, path);
}

export function releaseLockFile(path: string): void {
  rmSync(path, { force: true });
}

/** Renamed first: of two processes that found the same stale lock only one gets it, and nobody removes a fresh one. */
function removeStale(path: string, stale: unknown): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const grabbed = readJson(aside);
  if (isOwner(grabbed) && !(isOwner(stale) && grabbed.identity === stale.identity)) {
    try {
      linkSync(aside, path);
    } catch {
      // a third process holds it by now
    }
  }
  rmSync(aside, { force: true });
}

function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isOwner(value: unknown): value is LockOwner {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'identity' in value &&
    typeof value.identity === 'string'
  );
}
