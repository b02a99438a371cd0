import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess } from '../../../shared/runtime/process-identity.ts';
import { warn } from '../terminal.js';
import type { RecordedProcess } from './lock.ts';

const deadlineMs = 10_000;
const servers = ['postgres', 'redis'];

/** Ends what a killed launcher left running: services first, then the servers they write to. */
export async function endLeftovers(recorded: readonly RecordedProcess[]): Promise<void> {
  const alive = recorded.filter(({ pid, identity }) => isSameProcess(pid, identity));
  if (alive.length === 0) return;
  warn(`ending what an interrupted run left behind: ${alive.map(({ name }) => name).join(', ')}`);
  await Promise.all(alive.filter(({ name }) => !servers.includes(name)).map(end));
  await Promise.all(alive.filter(({ name }) => servers.includes(name)).map(end));
}

async function end(leftover: RecordedProcess): Promise<void> {
  // For PostgreSQL SIGTERM would wait until every client left; SIGINT ends their sessions.
  signal(leftover.pid, leftover.name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  const deadline = Date.now() + deadlineMs;
  while (isSameProcess(leftover.pid, leftover.identity)) {
    if (Date.now() > deadline) signal(-leftover.pid, 'SIGKILL');
    await sleep(20);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended by itself
  }
}
