import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../operator-error.js';
import { type Child, startChild } from '../system/child.ts';
import type { Environment } from './environment.ts';
import type { ServiceLog } from './service-log.ts';
import type { Supervised } from './supervisor.ts';

export type ServiceDefinition = {
  name: 'ingest' | 'relay' | 'worker' | 'simulator';
  /** Relative to the root of the checkout. */
  program: string;
  env: Environment;
  readyUrl: string;
};

/** What the processes promise: 10 s to drain after the first signal. One more second, so that we are not the hurry. */
const stopDeadlineMs = 11_000;

export async function launchService(
  definition: ServiceDefinition,
  context: { root: string; log: ServiceLog; onSpawn(pid: number): void },
): Promise<Supervised> {
  const child: Child = await startChild({
    command: process.execPath,
    args: [join(definition.program)],
    cwd: context.root,
    env: definition.env,
    output: context.log.write,
  });
  context.onSpawn(child.pid);
  return {
    pid: child.pid,
    exited: child.exited,
    stop: async () => void (await child.stop({ signal: 'SIGTERM', deadlineMs: stopDeadlineMs })),
  };
}

/**
 * True when the service answered, false when it lives but is not ready in time (a phone system that is away must not
 * keep the rest from running). A process that ends instead is a failed start.
 */
export async function waitUntilReady(
  service: Supervised,
  request: { definition: ServiceDefinition; log: ServiceLog; timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const { definition, log, timeoutMs, signal } = request;
  let hasExited = false;
  void service.exited.then(() => {
    hasExited = true;
  });
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    if (hasExited) {
      throw new OperatorError(
        `${definition.name} ended while starting: ${log.lastWords() ?? 'it gave no reason'} (all of its output: ${log.path})`,
      );
    }
    if (await answers(definition.readyUrl)) return true;
    await sleep(25);
  }
  return false;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
