import { execFileSync } from 'node:child_process';

/**
 * SIGSTOP for a whole PostgreSQL: it takes connections and answers nothing, until what is returned is called. The one that
 * begins sessions stands still first; each process of a session leads a group of its own, so that no group has them all.
 */
export function freezePostgres(postmaster: number): () => void {
  signal(postmaster, 'SIGSTOP');
  const pids = [postmaster, ...childrenOf(postmaster)];
  for (const pid of pids) signal(pid, 'SIGSTOP');
  return () => {
    for (const pid of pids.toReversed()) signal(pid, 'SIGCONT');
  };
}

function childrenOf(parent: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map(line => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([pid, of]) => (of === parent && pid !== undefined ? [pid] : []));
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch {
    // Its session has ended.
  }
}
