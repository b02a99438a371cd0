import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { waitFor } from './wait-for.ts';

/**
 * Our real programs as real processes. Whoever starts one stops it; one that is still alive when the test file ends is
 * killed and fails the file (after-each-file.ts).
 */
export type ServiceName = 'ingest' | 'relay' | 'worker' | 'simulator';

export type ServiceProcess = {
  name: ServiceName;
  pid: number;
  /** Address of /metrics, /livez and /readyz; of the simulator itself for the simulator. */
  internalUrl: string;
  output(): string;
  isAlive(): boolean;
  /** SIGTERM; throws when the process does not end in time or ends with another code than 0. */
  stop(timeoutMs?: number): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGSTOP: it stands still with its connections open, until what is returned is called, or it is killed. */
  freeze(): () => void;
};

const entryPoints: Record<ServiceName, { file: string; portVariable: string; readyPath: string }> = {
  ingest: { file: 'services/ingest/main.ts', portVariable: 'INTERNAL_PORT', readyPath: '/readyz' },
  relay: { file: 'services/relay/main.ts', portVariable: 'INTERNAL_PORT', readyPath: '/readyz' },
  worker: { file: 'services/worker/main.ts', portVariable: 'INTERNAL_PORT', readyPath: '/readyz' },
  simulator: { file: 'test/simulator/main.ts', portVariable: 'SIM_PORT', readyPath: '/sim/health' },
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const keptOutput = 200_000;
const alive = new Map<ChildProcess, ServiceName>();

/** Kills what a test file left running, and throws when there was something. */
export function endWhatIsLeft(): void {
  const left = [...alive.entries()];
  for (const [child] of left) child.kill('SIGKILL');
  if (left.length === 0) return;
  throw new Error(`left running by this file: ${left.map(([child, name]) => `${name} (pid ${child.pid})`).join(', ')}`);
}

process.on('exit', () => {
  for (const child of alive.keys()) child.kill('SIGKILL');
});

/** No setting of the machine that runs the tests. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  return { PATH, HOME, NODE_COMPILE_CACHE };
}

/** Resolves when the service says that it is ready; where it is to stand by, when it says that it does. */
export async function startService(
  name: ServiceName,
  env: Record<string, string>,
  options: { readyTimeoutMs?: number; isStandby?: boolean } = {},
): Promise<ServiceProcess> {
  const { file, portVariable, readyPath } = entryPoints[name];
  const port = env[portVariable] ?? String(await findFreePort());
  // Where the audit of a test ended must not be compared with the next one's, nor with that of a stack in this tree.
  const dir = mkdtempSync(join(tmpdir(), '3cx-relay-test-service-'));
  const anchors = name === 'worker' ? { AUDIT_ANCHOR_FILE: join(dir, 'audit-anchors.jsonl') } : {};
  const child = spawn(process.execPath, [file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inheritedEnvironment(), LOG_LEVEL: 'warn', ...anchors, ...env, [portVariable]: port },
  });
  alive.set(child, name);
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      alive.delete(child);
      rmSync(dir, { recursive: true, force: true });
      resolve();
    });
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-keptOutput);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);

  const service: ServiceProcess = {
    name,
    pid: child.pid ?? 0,
    internalUrl: `http://127.0.0.1:${port}`,
    output: () => output,
    isAlive: () => alive.has(child),
    async stop(timeoutMs = 15_000) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      await exited;
      clearTimeout(timer);
      if (child.exitCode === 0) return;
      throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode} instead of 0:\n${output}`);
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    freeze() {
      child.kill('SIGSTOP');
      return () => void child.kill('SIGCONT');
    },
  };
  await waitUntilReady(service, `${service.internalUrl}${readyPath}`, options);
  return service;
}

async function waitUntilReady(
  service: ServiceProcess,
  url: string,
  { readyTimeoutMs = 45_000, isStandby = false }: { readyTimeoutMs?: number; isStandby?: boolean },
): Promise<void> {
  const isThere = async () => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return isStandby ? (await answer.text()).includes('standby:') : answer.ok;
  };
  try {
    await waitFor(async () => !service.isAlive() || (await isThere()), {
      what: `${service.name} to answer ${url}`,
      timeoutMs: readyTimeoutMs,
    });
  } catch (error) {
    await service.kill();
    throw new Error(`${service.name} did not become ready:\n${service.output()}`, { cause: error });
  }
  if (!service.isAlive()) throw new Error(`${service.name} ended before it was ready:\n${service.output()}`);
}
