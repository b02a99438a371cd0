import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { alivePids, createLauncherBox, occupy, readStack } from '../harness/launcher.ts';
import { waitFor } from '../harness/wait-for.ts';

/**
 * The first start makes the data folder, and every test after it starts in that one, as people do every day: a new
 * cluster and its migrations cost more than all the rest of a start. Nothing of a test runs on into the next.
 */
let box: Awaited<ReturnType<typeof createLauncherBox>>;

beforeAll(async () => {
  box = await createLauncherBox();
});

afterEach(() => box.stop());

afterAll(() => box.remove());

async function newestPosition(stack: { relayUrl: string; apiKey: string | null }): Promise<string> {
  const response = await fetch(`${stack.relayUrl}/relay/events?limit=1&order=desc`, {
    headers: { authorization: `Bearer ${stack.apiKey}` },
  });
  expect(response.status).toBe(200);
  return /"id":"([a-z0-9]+_\d{16})"/.exec(await response.text())?.[1] ?? '';
}

test('one command brings up calls that a client with the printed key sees, and Ctrl-C leaves nothing behind', async () => {
  const launcher = box.start();
  const stack = await launcher.ready();

  expect(launcher.output()).toContain(stack.apiKey);
  expect(statSync(join(box.dataDir, 'stack.json')).mode & 0o777).toBe(0o600);
  expect(alivePids(stack)).toEqual(Object.keys(stack.pids));
  await waitFor(async () => (await newestPosition(stack)) || undefined, { what: 'a first event', timeoutMs: 30_000 });

  launcher.signal('SIGINT');

  expect(await launcher.ended()).toBe(0);
  expect(alivePids(stack)).toEqual([]);
  // The anchors of the audit are written once the worker has copied its first entries.
  const kept = readdirSync(box.dataDir).filter(name => name !== 'audit-anchors.jsonl');
  expect(kept.sort()).toEqual(['logs', 'pbx', 'postgres', 'redis', 'secrets.json', 'spool']);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('%s to npm alone stops everything', async signal => {
  const launcher = box.start({}, ['npm', 'start']);
  const stack = await launcher.ready();

  launcher.signal(signal);

  await waitFor(() => alivePids(stack).length === 0 && !existsSync(join(box.dataDir, 'lock')), {
    what: 'everything to stop',
    timeoutMs: 20_000,
  });
});

test('a second start keeps the key, the admin and the events', async () => {
  const first = box.start();
  const before = await first.ready();
  const position = await waitFor(async () => (await newestPosition(before)) || undefined, {
    what: 'a first event',
    timeoutMs: 30_000,
  });
  first.signal('SIGTERM');
  expect(await first.ended()).toBe(0);

  const after = await box.start().ready();

  expect(after.apiKey).toBe(before.apiKey);
  expect(after.admin).toEqual(before.admin);
  expect((await newestPosition(after)) >= position).toBe(true);
});

test('while a stack runs, a second start in the same folder says so and changes nothing', async () => {
  const stack = await box.start().ready();

  const second = box.start({ PORT: String(box.port + 1) });

  expect(await second.ended()).toBe(1);
  expect(second.output()).toContain(`already running (pid ${stack.pids.launcher})`);
  expect(alivePids(stack)).toEqual(Object.keys(stack.pids));
});

test('after a kill -9 of the launcher the next start ends what was left and runs', async () => {
  const first = box.start();
  const before = await first.ready();
  process.kill(before.pids.launcher, 'SIGKILL');
  await first.ended();
  expect(alivePids(before)).toContain('redis');

  const after = await box.start().ready();

  expect(alivePids(before)).toEqual([]);
  expect(alivePids(after)).toEqual(Object.keys(after.pids));
});

test('a process that is killed is started again and its new process id is recorded', async () => {
  const launcher = box.start();
  let before = await launcher.ready();
  for (const names of [['ingest', 'relay', 'worker', 'simulator'], ['redis'], ['postgres']] as const) {
    for (const name of names) process.kill(before.pids[name] ?? 0, 'SIGKILL');

    const after = await waitFor(
      async () => {
        const now = await readStack(join(box.dataDir, 'stack.json'));
        return names.every(name => now.pids[name] !== null && now.pids[name] !== before.pids[name]) && now;
      },
      { what: `new ${names.join(', ')}`, timeoutMs: 20_000 },
    );

    await waitFor(() => names.every(name => launcher.output().includes(`${name} started again`)), {
      what: `the launcher to say so of ${names.join(', ')}`,
    });
    before = after;
  }
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
  const first = await createLauncherBox();
  const launcher = first.start();
  try {
    await waitFor(() => launcher.output().includes('Redis'), { what: 'Redis to run' });

    launcher.signal('SIGINT');

    expect(await launcher.ended()).toBe(0);
    expect(existsSync(join(first.dataDir, 'lock'))).toBe(false);
    expect(existsSync(join(first.dataDir, 'postgres', 'cluster', 'postmaster.pid'))).toBe(false);
  } finally {
    await first.remove();
  }
});
