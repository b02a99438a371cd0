import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callCommandLine } from '../../harness/command-line.ts';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { inheritedEnvironment } from '../../harness/processes.ts';
import { startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { waitFor } from '../../harness/wait-for.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const bin = join(root, 'node_modules/.bin/3cx-relay');
const running = new Set<ChildProcess>();
let relay: TestRelay;
let log: LogFiller;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tail-'));
  relay = await startTestRelay();
  log = createLogFiller(relay);
  await log.fill(20);
  await log.fill(2, { dn: '102' });
});

afterAll(async () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
  await log?.stop();
  await relay?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

interface Run {
  lines(): string[];
  errors(): string;
  interrupt(): void;
  stdout: NonNullable<ChildProcess['stdout']>;
  ended: Promise<number | null>;
}

function run(
  args: readonly string[],
  {
    env = {},
    cwd = root,
    command = process.execPath,
  }: { env?: Record<string, string>; cwd?: string; command?: string } = {},
): Run {
  const child = spawn(command, command === process.execPath ? [bin, ...args] : ['3cx-relay', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, to which Ctrl-C goes as in a terminal: npx does not pass it on.
    detached: true,
    env: {
      ...{ ...inheritedEnvironment(), RELAY_DATA_DIR: dir },
      ...{ RELAY_URL: relay.url, API_KEY: relay.apiKey, ...env },
    },
  });
  running.add(child);
  let output = '';
  let errors = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  child.stderr.on('data', chunk => {
    errors += chunk;
  });
  return {
    lines: () => output.split('\n').slice(0, -1),
    errors: () => errors,
    interrupt: () => signalGroup(child, 'SIGINT'),
    stdout: child.stdout,
    ended: once(child, 'close').then(() => {
      running.delete(child);
      return child.exitCode;
    }),
  };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}

async function readLines(tail: Run, count: number): Promise<string[]> {
  await waitFor(() => tail.lines().length >= count, { what: `${count} lines`, timeoutMs: 15_000 });
  return tail.lines();
}

it('prints one line per event and ends well on Ctrl-C', async () => {
  const tail = run(['tail', '--from-start', '--dn', '102']);
  const lines = await readLines(tail, 2);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}call\.updated +\? → \?$/);
  expect(tail.errors()).toContain(`connected to ${relay.url}`);
  tail.interrupt();
  expect(await tail.ended).toBe(0);
});

it('as JSON prints messages and nothing else, and continues where it was stopped', async () => {
  const positions = join(dir, 'positions.json');
  const numbersOf = (lines: string[]) => lines.map(line => JSON.parse(line).call.n);
  const first = run(['tail', '--json', '--after', 'start', '--positions', positions]);
  expect(numbersOf(await readLines(first, 22))).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
  first.interrupt();
  expect(await first.ended).toBe(0);
  expect(JSON.parse(await readFile(positions, 'utf8')).calls).toMatch(/_0000000000000022$/);
  await log.fill(3);
  const second = run(['tail', '--json', '--after', 'start', '--positions', positions]);
  expect(numbersOf(await readLines(second, 3))).toEqual([23, 24, 25]);
  second.interrupt();
  expect(await second.ended).toBe(0);
});

it('is found by npx in a folder within, and reads files where the user is', { timeout: 60_000 }, async () => {
  const cwd = join(root, 'services/relay/live');
  await writeFile(join(dir, 'key'), `${relay.apiKey}\n`);
  const args = ['tail', '--json', '--after', 'start', '--key-file', relative(cwd, join(dir, 'key'))];
  const tail = run(args, { command: 'npx', cwd, env: { API_KEY: '' } });
  await waitFor(() => tail.lines().length > 0, { what: 'a line', timeoutMs: 45_000 });
  tail.interrupt();
  await tail.ended;
});

it('ends when whoever reads its output has enough', async () => {
  const tail = run(['tail', '--json', '--after', 'start']);
  await readLines(tail, 1);
  tail.stdout.destroy();
  await log.fill(50);
  expect(await tail.ended).toBe(0);
});

it.each([
  ['a key that is not valid', ['tail'], { API_KEY: 'wrong' }, 1, 'refuses the API key'],
  ['a position that is none', ['tail', '--after', 'yesterday'], {}, 1, 'must be a position'],
  ['no key', ['tail'], { API_KEY: '' }, 2, 'set API_KEY, or name a file with --key-file'],
  ['a position for two channels', ['tail', '--channel', 'calls,health', '--after', 'm_1'], {}, 2, 'one channel'],
] as const)('%s is said in a sentence, with its exit code', async (_what, args, env, code, sentence) => {
  const stack = { RELAY_DATA_DIR: dir, RELAY_URL: relay.url, API_KEY: relay.apiKey };
  const said = await callCommandLine(args, { ...stack, ...env });
  expect(said).toEqual({ code, output: '', errors: expect.stringContaining(sentence) });
});
