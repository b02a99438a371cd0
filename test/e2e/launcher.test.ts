import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alivePids, createLauncherBox, occupy, readStack } from '../harness/launcher.ts';
import { waitFor } from '../harness/wait-for.ts';

let box: Awaited<ReturnType<typeof createLauncherBox>>;

beforeEach(async () => {
  box = await createLauncherBox();
});

afterEach(() => box.remove());

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
  expect(readdirSync(box.dataDir).sort()).toEqual(['logs', 'postgres', 'redis', 'secrets.json', 'spool']);
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

test.each(['ingest', 'relay', 'worker', 'simulator', 'redis', 'postgres'] as const)(
  'a killed %s is started again and its new process id is recorded',
  async name => {
    const launcher = box.start();
    const stack = await launcher.ready();
    const killed = stack.pids[name] ?? 0;

    process.kill(killed, 'SIGKILL');

    const path = join(box.dataDir, 'stack.json');
    await waitFor(
      async () => {
        const now = (await readStack(path)).pids[name];
        return now !== null && now !== killed;
      },
      { what: `a new ${name}`, timeoutMs: 20_000 },
    );
    expect(launcher.output()).toContain(`${name} started again`);
  },
);

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

test('Ctrl-C during the start stops what was started', async () => {
  const launcher = box.start();
  await waitFor(() => launcher.output().includes('Redis'), { what: 'Redis to run' });

  launcher.signal('SIGINT');

  expect(await launcher.ended()).toBe(0);
  expect(existsSync(join(box.dataDir, 'lock'))).toBe(false);
  expect(existsSync(join(box.dataDir, 'postgres', 'cluster', 'postmaster.pid'))).toBe(false);
});
