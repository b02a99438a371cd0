import { createClientDirectory } from '@3cx-relay/relay/clients/client-directory.ts';
import { createHub } from '@3cx-relay/relay/live/hub.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** Two relay instances that ask each other who is connected; between one of them and Redis is a proxy. */
const logger = pino({ level: 'silent' });
const WAIT_MS = 300;
let redisUrl: string;
let pbxId: string;
let proxy: TcpProxy;
/** What came through the proxy since it was emptied. */
let sent: string[] = [];
const running: { stop(): unknown }[] = [];

beforeAll(async () => {
  ({ url: redisUrl, pbxId } = await createTestRedis());
  proxy = await startTcpProxy(redisUrl, chunk => sent.push(String(chunk)));
});

afterAll(async () => {
  for (const each of running.reverse()) await each.stop();
  await proxy?.stop();
});

function keep<Part extends { stop(): unknown }>(part: Part): Part {
  running.push(part);
  return part;
}

/** `commands`: where it asks, if not where it listens. */
function createDirectory(url: string, { commands = url, of = pbxId } = {}) {
  const connection: RedisConnection = keep(connectRedis(commands, { name: 'test', logger }));
  const hub = keep(createHub({ heartbeatMs: 60_000 }));
  const ring = () => {
    throw new Error('nobody is connected');
  };
  return keep(
    createClientDirectory(
      { hub, ring, redis: connection.redis, keys: createLogKeys(of), logger },
      { redisUrl: url, waitMs: WAIT_MS, maxClients: 10 },
    ),
  );
}

const isComplete = async (directory: ReturnType<typeof createDirectory>) =>
  (await directory.list().catch(() => null))?.incomplete === null;

test('an instance that begins while Redis is away answers and is answered once it is there', async () => {
  await proxy.cut();
  const late = createDirectory(proxy.url);
  await expect(late.list()).rejects.toMatchObject({ problem: { code: 'unavailable' } });
  await proxy.restore();
  await waitFor(() => isComplete(late), { what: 'the instance to list its clients' });
  const other = createDirectory(redisUrl);
  await waitFor(() => isComplete(other), { what: 'the other to list the clients of both' });
  expect(await late.list()).toEqual({ clients: [], incomplete: null });
});

test('an instance that lost its subscription says that its own clients are missing', async () => {
  const alone = createDirectory(proxy.url, { commands: redisUrl, of: `${pbxId}-alone` });
  await waitFor(() => isComplete(alone), { what: 'the instance to be subscribed' });
  await proxy.cut();
  expect(await alone.list()).toEqual({
    clients: [],
    incomplete: `1 relay instance did not answer within ${WAIT_MS} ms`,
  });
  await proxy.restore();
});

test('a frozen Redis is noticed in the time that an answer has, and by who only listens, too', async () => {
  const listening = createDirectory(proxy.url);
  await waitFor(() => isComplete(listening), { what: 'the instance to be subscribed' });
  proxy.freeze();
  sent = [];
  const startedAt = performance.now();
  await expect(listening.list()).rejects.toMatchObject({ problem: { code: 'unavailable' } });
  expect(performance.now() - startedAt).toBeLessThan(WAIT_MS + 1_000);
  const hasComeAgain = () => sent.some(text => text.includes('relay-clients'));
  await waitFor(hasComeAgain, { what: 'the listening connection to be made anew', timeoutMs: 8_000 });
  await proxy.restore();
  await waitFor(() => isComplete(listening), { what: 'the instance to be heard again' });
});
