import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let dir: string;
let server: Awaited<ReturnType<typeof startRedis>>;
let relay: TestRelay;
let log: LogFiller;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'relay-outage-'));
  server = await startRedis({ dir });
  relay = await startTestRelay({ REDIS_URL: server.url, RELAY_HEARTBEAT_MS: '60000' });
  log = createLogFiller(relay);
  log.redis.on('error', () => undefined);
  await log.fill(10);
});

afterAll(async () => {
  log?.redis.disconnect();
  await relay?.stop();
  await server?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

function pidOf({ pid }: { pid: number | undefined }): number {
  if (pid === undefined) throw new Error('this server is not a process of ours');
  return pid;
}

async function health(): Promise<{ status: string; components: Record<string, { state: string }> }> {
  return (await (await fetch(`${relay.url}/relay/health`)).json()) as Awaited<ReturnType<typeof health>>;
}

it('a client stays connected while Redis is killed and restarted, and misses nothing', async () => {
  const client = await connectClient(relay.url, relay.apiKey, { after: 'start' });
  await client.waitForMessage('caught_up');
  server.kill();
  await server.exited;
  await waitFor(async () => (await health()).status === 'down', { what: 'health to be down', timeoutMs: 5_000 });
  server = await startRedis({ dir, port: server.port });
  await log.fill(10);
  await waitFor(() => client.entries().length === 20, { what: 'the entries written after the restart' });
  expect(client.entries().map(numberIn)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect((await health()).components.log?.state).toBe('up');
  await client.close();
});

it('a Redis that is frozen but keeps its connections shows within five seconds, and heals', async () => {
  const client = await connectClient(relay.url, relay.apiKey);
  await client.waitForMessage('caught_up');
  process.kill(pidOf(server), 'SIGSTOP');
  try {
    await waitFor(async () => (await health()).status === 'down', { what: 'health to be down', timeoutMs: 5_000 });
    const response = await fetch(`${relay.url}/relay/active-calls`, { headers: { 'x-api-key': relay.apiKey } });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await response.json()).toMatchObject({ code: 'unavailable' });
  } finally {
    process.kill(pidOf(server), 'SIGCONT');
  }
  await log.fill(1);
  await waitFor(() => client.entries().length === 1, { what: 'the entry written after the thaw', timeoutMs: 15_000 });
  await waitFor(async () => (await health()).components.log?.state === 'up', { what: 'the log to be up again' });
  await client.close();
});

it('a new client during the outage is refused or served later, never left without an answer', async () => {
  process.kill(pidOf(server), 'SIGSTOP');
  const attempt = connectClient(relay.url, relay.apiKey, { after: 'start' });
  try {
    const outcome = await Promise.race([
      attempt.then(client => client.closed.then(({ code }) => code)),
      attempt.catch((error: Error) => error.message),
    ]);
    expect(outcome).toBeDefined();
  } finally {
    process.kill(pidOf(server), 'SIGCONT');
  }
});
