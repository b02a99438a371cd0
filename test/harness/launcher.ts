import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identifyProcess } from '@3cx-relay/shared/runtime/process-identity.ts';
import type { StackDescription } from '../../install/dev/stack/stack-file.ts';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { inheritedEnvironment } from './processes.ts';
import { waitFor } from './wait-for.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type Launcher = {
  output(): string;
  /** Resolves when the stack is up; rejects when the launcher ends instead. */
  ready(): Promise<StackDescription>;
  signal(name: NodeJS.Signals): void;
  ended(): Promise<number | null>;
};

/** Runs `npm start` for tests: its own data folder and port, and no setting of the machine that runs the tests. */
export async function createLauncherBox(): Promise<{
  dataDir: string;
  port: number;
  start(env?: Record<string, string>, command?: readonly [string, ...string[]]): Launcher;
  /** Whatever still runs; the data stays. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}> {
  const parent = await mkdtemp(join(tmpdir(), 'launcher-'));
  const dataDir = join(parent, 'data');
  const port = await findFreePort();
  const launched: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of launched) if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    await Promise.all(launched.map(child => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
    launched.length = 0;
  };
  return {
    dataDir,
    port,
    start(env = {}, [program, ...args] = [process.execPath, 'install/dev/start.js']) {
      const child = spawn(program, args, {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...inheritedEnvironment(),
          ...{ RELAY_DATA_DIR: dataDir, PORT: String(port), RELAY_BUILD_PANEL: 'false' },
          ...env,
        },
      });
      launched.push(child);
      return observe(child, join(env.RELAY_DATA_DIR ?? dataDir, 'stack.json'));
    },
    stop,
    async remove() {
      await stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

function observe(child: ChildProcess, stackFile: string): Launcher {
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const closed = once(child, 'close');
  return {
    output: () => output,
    signal: name => void child.kill(name),
    async ended() {
      await closed;
      return child.exitCode;
    },
    async ready() {
      await waitFor(() => output.includes('is running (started') || child.exitCode !== null, {
        what: 'the stack to be up',
        timeoutMs: 60_000,
      });
      if (child.exitCode !== null) throw new Error(`the launcher ended with ${child.exitCode}:\n${output}`);
      return readStack(stackFile);
    },
  };
}

export async function readStack(path: string): Promise<StackDescription> {
  return JSON.parse(await readFile(path, 'utf8'));
}

export function alivePids(description: StackDescription): string[] {
  return Object.entries(description.pids)
    .filter(([, pid]) => pid !== null && identifyProcess(pid) !== undefined)
    .map(([name]) => name);
}

export async function occupy(port: number): Promise<() => Promise<void>> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
  return () => new Promise(resolve => server.close(() => resolve()));
}
