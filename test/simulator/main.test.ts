import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { inheritedEnvironment } from '../harness/processes.ts';

function startMain(env: Record<string, string>) {
  const child = spawn(process.execPath, [new URL('./main.ts', import.meta.url).pathname], {
    env: { ...inheritedEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, nextLine: async () => JSON.parse((await lines.next()).value ?? '{}') as Record<string, string> };
}

test('the process says where it listens, plays traffic and exits with 0 on SIGTERM', async () => {
  const { child, nextLine } = startMain({ SIM_CALLS_PER_MINUTE: '600', SIM_CLIENT_ID: 'relay' });
  const line = await nextLine();
  expect(line).toEqual({ msg: 'simulator listening', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  expect((await fetch(`${line.url}/sim/health`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a wrong setting stops the start and names the key', async () => {
  const { child, nextLine } = startMain({ SIM_PORT: 'often' });
  expect((await nextLine()).error).toContain('SIM_PORT must be a number');
  expect((await once(child, 'exit'))[0]).toBe(1);
});
