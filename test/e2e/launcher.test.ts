import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StackDescription } from '../../install/dev/stack/stack-file.ts';
import { alivePids, createLauncherBox, type Launcher, occupy, readStack } from '../harness/launcher.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * The first start makes the data folder, and every test after it starts in that one, as people do every day: a new
 * cluster and its migrations cost more than all the rest of a start.
 */
let box: Awaited<ReturnType<typeof createLauncherBox>>;
/** As the first start was. */
let first: { stack: StackDescription; position: string };

beforeAll(async () => {
  box = await createLauncherBox();
});

afterAll(() => box.remove());

async function newestPosition(stack: { relayUrl: string; apiKey: string | null }): Promise<string> {
  const response = await fetch(`${stack.relayUrl}/relay/events?limit=1&order=desc`, {
    headers: { authorization: `Bearer ${stack.apiKey}` },
  });
  expect(response.status).toBe(200);
  return /"id":"([a-z0-9]+_\d{16})"/.exec(await response.text())?.[1] ?? '';
}

test('one command brings up calls that a client with the printed key sees, and Ctrl-C, to npm alone, leaves nothing behind', async () => {
  const launcher = box.start({}, ['npm', 'start']);
  const stack = await launcher.ready();

  expect(launcher.output()).toContain(stack.apiKey);
  expect(statSync(join(box.dataDir, 'stack.json')).mode & 0o777).toBe(0o600);
  expect(alivePids(stack)).toEqual(Object.keys(stack.pids));
  const position = await waitFor(async () => (await newestPosition(stack)) || undefined, {
    what: 'a first event',
    timeoutMs: 30_000,
  });
  first = { stack, position };

  launcher.signal('SIGINT');

  expect(await launcher.ended()).toBe(0);
  expect(alivePids(stack)).toEqual([]);
  // The anchors of the audit are written once the worker has copied its first entries.
  const kept = readdirSync(box.dataDir).filter(name => name !== 'audit-anchors.jsonl');
  expect(kept.sort()).toEqual(['logs', 'pbx', 'postgres', 'redis', 'secrets.json', 'spool']);
});

/** No calls: what the first start has shown is not computed again. */
const startQuietly = () => box.start({ SIM_CALLS_PER_MINUTE: '0' }, ['npm', 'start']);

async function isStoppedBy(signal: NodeJS.Signals, launcher: Launcher, stack: StackDescription): Promise<void> {
  expect(alivePids(stack)).toEqual(Object.keys(stack.pids));
  launcher.signal(signal);
  await waitFor(() => alivePids(stack).length === 0 && !existsSync(join(box.dataDir, 'lock')), {
    what: 'everything to stop',
    timeoutMs: 20_000,
  });
}

describe('a second start', () => {
  let launcher: Launcher;
  let stack: StackDescription;

  beforeAll(async () => {
    launcher = startQuietly();
    stack = await launcher.ready();
  });

  test('keeps the key, the admin and the events', async () => {
    expect(stack.apiKey).toBe(first.stack.apiKey);
    expect(stack.admin).toEqual(first.stack.admin);
    expect((await newestPosition(stack)) >= first.position).toBe(true);
  });

  test('in the folder of a stack that runs says so and changes nothing', async () => {
    const another = box.start({ PORT: String(box.port + 1) });

    expect(await another.ended()).toBe(1);
    expect(another.output()).toContain(`already running (pid ${stack.pids.launcher})`);
    expect(alivePids(stack)).toEqual(Object.keys(stack.pids));
  });

  test('a process that is killed is started again and its new process id is recorded', async () => {
    for (const names of [['ingest', 'relay', 'worker', 'simulator'], ['redis'], ['postgres']] as const) {
      for (const name of names) process.kill(stack.pids[name] ?? 0, 'SIGKILL');

      const after = await waitFor(
        async () => {
          const now = await readStack(join(box.dataDir, 'stack.json'));
          return names.every(name => now.pids[name] !== null && now.pids[name] !== stack.pids[name]) && now;
        },
        { what: `new ${names.join(', ')}`, timeoutMs: 20_000 },
      );

      await waitFor(() => names.every(name => launcher.output().includes(`${name} started again`)), {
        what: `the launcher to say so of ${names.join(', ')}`,
      });
      stack = after;
    }
  });

  test('after a kill -9 of the launcher ends what was left and runs', async () => {
    process.kill(stack.pids.launcher, 'SIGKILL');
    await launcher.ended();
    expect(alivePids(stack)).toContain('redis');

    const next = startQuietly();
    const after = await next.ready();

    expect(alivePids(stack)).toEqual([]);
    expect(alivePids(after)).toEqual(Object.keys(after.pids));
    [launcher, stack] = [next, after];
  });

  test('SIGTERM to npm alone stops everything', () => isStoppedBy('SIGTERM', launcher, stack));

  afterAll(() => box.stop());
});

test('SIGKILL to npm alone stops everything', async () => {
  const launcher = startQuietly();
  await isStoppedBy('SIGKILL', launcher, await launcher.ready());
});

test('a port in use is one sentence that says what to do, and nothing is left', async () => {
  const release = await occupy(box.port);

  const launcher = box.start();

  expect(await launcher.ended()).toBe(1);
  expect(launcher.output()).toContain(`Port ${box.port} on 127.0.0.1 is in use`);
  expect(launcher.output()).toContain(`PORT=${box.port + 1} npm start`);
  expect(existsSync(join(box.dataDir, 'lock'))).toBe(false);
  await release();
});

test('a data folder that cannot be written is one sentence that names it', async () => {
  const launcher = box.start({ RELAY_DATA_DIR: '/proc/nowhere' });

  expect(await launcher.ended()).toBe(1);
  expect(launcher.output()).toContain('The data folder /proc/nowhere cannot be used');
});

test('a setting that is wrong is named with what would be right, and everything else is stopped', async () => {
  const launcher = box.start({ ADMIN_SECRET: 'too short' });

  expect(await launcher.ended()).toBe(1);
  expect(launcher.output()).toContain('ADMIN_SECRET must have at least 32 characters');
  expect(existsSync(join(box.dataDir, 'lock'))).toBe(false);
});

test('Ctrl-C during the first start stops what was started', async () => {
  // The cluster is being made: a folder of its own.
  const another = await createLauncherBox();
  const launcher = another.start();
  try {
    await waitFor(() => launcher.output().includes('Redis'), { what: 'Redis to run' });

    launcher.signal('SIGINT');

    expect(await launcher.ended()).toBe(0);
    expect(existsSync(join(another.dataDir, 'lock'))).toBe(false);
    expect(existsSync(join(another.dataDir, 'postgres', 'cluster', 'postmaster.pid'))).toBe(false);
  } finally {
    await another.remove();
  }
});
