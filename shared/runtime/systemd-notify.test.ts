import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** A process of its own, because its event loop is to hang. `systemd-notify` is a script that writes down what it got. */
const PROGRAM = `
import { readFileSync, writeSync } from 'node:fs';
const { createSystemdNotifier } = await import(process.env.MODULE);
const notifier = createSystemdNotifier(process.env, { warn: line => console.log(JSON.stringify(line)) });
setInterval(() => {}, 1000);
const size = () => readFileSync(process.env.HEARD).length;
const hang = ms => { for (const end = Date.now() + ms; Date.now() < end; ); };
process.on('SIGUSR2', () => {
  hang(300);
  const before = size();
  hang(500);
  writeSync(1, before === size() ? 'silent' : 'alive');
});
process.on('SIGTERM', () => { notifier.stopping(); notifier.ready(() => 'late'); setTimeout(() => process.exit(0), 300); });
notifier.ready(() => 'Redis is\\nconnecting');
`;

let folder = '';
let heardFile = '';
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'notify-'));
  heardFile = join(folder, 'heard');
  writeFileSync(heardFile, '');
  const script = join(folder, 'systemd-notify');
  // A sign of life takes as long as the next one takes to come: when the process is to stop, one is on its way. One write
  // for a message, which may be ended at any time.
  const slow = `case "$*" in *WATCHDOG=1) sleep 0.04;; esac`;
  writeFileSync(script, `#!/bin/sh\n${slow}\nline=$(printf '%s|' "$@")\necho "$line" >> ${heardFile}\n`);
  chmodSync(script, 0o755);
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  rmSync(folder, { recursive: true });
});

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    env: {
      ...{ PATH: `${folder}:${process.env.PATH}`, HEARD: heardFile },
      MODULE: new URL('./systemd-notify.ts', import.meta.url).href,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
  return { child, exited, output: () => output };
}

/** A process takes its time on a busy machine. */
const PATIENT = { timeout: 10_000 };
const heard = () => readFileSync(heardFile, 'utf8').split('\n').filter(Boolean);

test('systemd hears of the start, of life for as long as the event loop turns, of the state in one line, and of the stop', async () => {
  const { child, exited, output } = start({ NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '100000' });
  await expect.poll(() => heard().filter(line => line.includes('WATCHDOG=1')).length, PATIENT).toBeGreaterThan(2);
  expect(heard()).toContain('--status=starting|EXTEND_TIMEOUT_USEC=30000000|');
  expect(heard()).toContain('--ready|--status=Redis is connecting|');
  child.kill('SIGUSR2');
  await expect.poll(output, PATIENT).toBe('silent');
  child.kill('SIGTERM');
  await exited;
  expect(heard().at(-1)).toBe('--status=stopping|STOPPING=1|');
});

test('a watchdog of another process is not fed, and without systemd nothing is run', async () => {
  const other = start({ NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '100000', WATCHDOG_PID: '1' });
  await expect.poll(() => heard().some(line => line.startsWith('--ready')), PATIENT).toBe(true);
  other.child.kill('SIGTERM');
  await other.exited;
  expect(heard().filter(line => line.includes('WATCHDOG'))).toEqual([]);
  writeFileSync(heardFile, '');
  const alone = start({});
  alone.child.kill('SIGTERM');
  await alone.exited;
  expect(heard()).toEqual([]);
});

test('a systemd-notify that fails is said once and stops nothing', async () => {
  writeFileSync(join(folder, 'systemd-notify'), '#!/bin/sh\nexit 3\n');
  const { child, exited, output } = start({ NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '40000' });
  await expect.poll(output, PATIENT).toContain('exit code 3');
  child.kill('SIGTERM');
  await exited;
  expect(output().match(/exit code 3/g)).toHaveLength(1);
});
