import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * What tells a process from a later one with the same id: the moment it was started. Undefined when it does not run.
 * /proc is read where it exists, because small containers have no `ps`.
 */
export function identifyProcess(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (process.platform !== 'linux') return identifyWithPs(pid);
  try {
    // The second field is the program's name in parentheses and may itself contain spaces and parentheses.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const [state] = fields;
    const startTicks = fields[19];
    // A zombie holds no resource any more; only its parent has not looked yet.
    return state === 'Z' || state === 'X' ? undefined : startTicks;
  } catch {
    return undefined;
  }
}

function identifyWithPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'lstart='], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export function isSameProcess(pid: number, identity: string): boolean {
  return identifyProcess(pid) === identity;
}
