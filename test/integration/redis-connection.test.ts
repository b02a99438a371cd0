import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';

const logger = pino({ level: 'silent' });
const SILENCE_MS = 300;

let dir: string;
let server: Awaited<ReturnType<typeof startRedis>>;
let connection: RedisConnection | undefined;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'relay-redis-'));
  server = await startRedis({ dir });
});

afterAll(async () => {
  await server?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

beforeEach(() => signal('SIGCONT'));

afterEach(async () => {
  signal('SIGCONT');
  await connection?.stop();
});

function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
  if (server.pid === undefined) throw new Error('this Redis is not a process of ours');
  process.kill(server.pid, name);
}

/** Sends a command to a frozen server, waits until the connection was given up, and lets the server go on. */
async function incrementWhileFrozen(retriesPerRequest?: null): Promise<{ answer: Promise<number> }> {
  connection = connectRedis(server.url, {
    name: 'test',
    logger,
    silenceMs: SILENCE_MS,
    ...(retriesPerRequest === undefined ? {} : { retriesPerRequest }),
  });
  const { redis } = connection;
  await redis.ping();
  const givenUp = new Promise(resolve => redis.once('close', resolve));
  signal('SIGSTOP');
  const answer = redis.incr('n');
  answer.catch(() => undefined);
  await givenUp;
  signal('SIGCONT');
  return { answer };
}

it('a command in flight to a Redis that froze is rejected: the caller knows whether it may be repeated', async () => {
  const { answer } = await incrementWhileFrozen();
  await expect(answer).rejects.toThrow();
});

it('a command that waits for ever is answered once the connection is back, not forgotten', async () => {
  const { answer } = await incrementWhileFrozen(null);
  expect(await answer).toBeGreaterThan(0);
});
