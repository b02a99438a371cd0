import { expect, test } from 'vitest';
import { identifyProcess } from '../../../shared/runtime/process-identity.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { type Child, startChild } from '../system/child.ts';
import { Supervisor } from './supervisor.ts';

type Sleeper = Omit<Child, 'stop'> & { stop(): Promise<void> };

function sleeper(): Supervisor<Sleeper> {
  return new Supervisor({
    name: 'sleeper',
    onChange: () => {},
    async start() {
      const child = await startChild({ command: 'sleep', args: ['60'], output: () => {} });
      return { ...child, stop: async () => void (await child.stop({ signal: 'SIGTERM', deadlineMs: 1_000 })) };
    },
  });
}

test('a process that is killed is started again, and none runs after stop', async () => {
  const supervisor = sleeper();
  const first = await supervisor.start();
  supervisor.keepRunning();

  process.kill(first.pid, 'SIGKILL');
  const second = await waitFor(() => supervisor.pid !== first.pid && supervisor.pid, { what: 'a new process' });

  await supervisor.stop();
  expect(identifyProcess(second)).toBeUndefined();
});

test('a process that ends before it is to be kept is not started again', async () => {
  const supervisor = sleeper();
  const first = await supervisor.start();

  process.kill(first.pid, 'SIGKILL');
  await first.exited;

  await waitFor(() => supervisor.pid === undefined, { what: 'the end to be noticed' });
  await supervisor.stop();
});

test('a stop during the wait before the next start ends the wait', async () => {
  const supervisor = sleeper();
  const first = await supervisor.start();
  supervisor.keepRunning();
  process.kill(first.pid, 'SIGKILL');
  await waitFor(() => supervisor.pid === undefined, { what: 'the end to be noticed' });

  await supervisor.stop();

  expect(supervisor.pid).toBeUndefined();
});

test('a restart on purpose replaces the process once', async () => {
  const supervisor = sleeper();
  const first = await supervisor.start();
  supervisor.keepRunning();

  await supervisor.restart('a test wants it');

  const second = supervisor.pid;
  expect(second).not.toBe(first.pid);
  expect(identifyProcess(first.pid)).toBeUndefined();
  await supervisor.stop();
});
