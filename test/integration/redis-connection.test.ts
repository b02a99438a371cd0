import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, type RedisConnection, waitForRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startRedis } from '../../install/dev/redis.ts';
import { findRedisBinary } from '../../install/dev/servers/redis-binary.ts';
import { startChild } from '../../install/dev/system/child.ts';

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

it.each(['redis+sentinel://127.0.0.1:1/relay', 'redis+cluster://127.0.0.1:1', 'redis+unix:///nowhere/redis.sock'])(
  'a command fails while %s does not answer, the first and every later one, instead of waiting for it',
  async url => {
    connection = connectRedis(url, { name: 'test', logger });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const startedAt = performance.now();
      await expect(connection.redis.ping()).rejects.toThrow();
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      // The next one meets the connection in another state: trying, or resting until it tries again.
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  },
);

it('a Unix socket is a server like any other', async () => {
  const path = join(dir, 'redis.sock');
  const own = await startChild({
    command: (await findRedisBinary())?.path ?? '',
    args: ['--port', '0', '--unixsocket', path, '--save', '', '--requirepass', 'p@ss'],
    output: () => undefined,
  });
  try {
    connection = connectRedis(`redis+unix://${path}?password=p%40ss&db=2`, { name: 'test', logger });
    await waitForRedis(connection.redis);
    await connection.redis.set('where', 'here');
    expect(await connection.redis.client('INFO')).toMatch(/ db=2 /);
  } finally {
    await own.stop({ signal: 'SIGTERM', deadlineMs: 2_000 });
  }
});
