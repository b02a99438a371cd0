import { trimLog } from '@3cx-relay/shared/log/trim.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { ReadingClient } from '../chaos/model/reading-client.ts';
import { TRANSPORTS } from '../chaos/model/transports.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** A relay that cannot read Redis for so long that what it has not read is gone there, with its clients connected. */
const READ = 10;
const UNREAD = 30;
const KEPT = 5;
const LOST = 12;
const logger = createLogger({ name: 'test', level: 'silent' });

let server: TestRedis;
let proxy: TcpProxy;
let relay: TestRelay;
let log: LogFiller;
let store: PostgresPool;
let clients: ReadingClient[];

beforeEach(async () => {
  server = await createTestRedis();
  proxy = await startTcpProxy(server.url);
  relay = await startTestRelay({ REDIS_URL: proxy.url, PBX_ID: server.pbxId });
  log = createLogFiller({ redisUrl: server.url, pbxId: server.pbxId });
  store = createPool({ databaseUrl: relay.databaseUrl, name: 'test', max: 2, logger });
  await log.fill(READ);
  const { apiKey, url } = relay;
  clients = Object.keys(TRANSPORTS).map(transport => new ReadingClient(transport, {}, { apiKey, relayUrl: () => url }));
  for (const client of clients) client.connect();
  for (const client of clients)
    await waitFor(() => numbersOf(client).length === READ, { what: `${client.transport} to read` });
});

afterEach(async () => {
  for (const client of clients) client.cut();
  await log.stop();
  await store.stop();
  await relay.stop();
  await proxy.stop();
});

type Message = { type: string; [field: string]: unknown };

function messagesOf({ told }: ReadingClient): Message[] {
  return told.map(({ text }) => JSON.parse(text) as Message);
}

function numbersOf(client: ReadingClient): number[] {
  return messagesOf(client)
    .filter(({ type }) => type === 'call_event')
    .map(numberIn);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

async function copyToPostgres(): Promise<void> {
  const { redis, keys } = log;
  const deps = {
    ...{ redis, keys, pool: store.pool, logger },
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
  };
  await drainChannel(deps, 'calls', AbortSignal.timeout(20_000));
}

async function moveToPostgres(): Promise<void> {
  const { redis, keys } = log;
  await copyToPostgres();
  const persisted = (await readPositions(store.pool)).get('calls');
  if (!persisted) throw new Error('nothing was copied');
  const limits = { persisted, tooOldBefore: 0, keepNewest: KEPT };
  await trimLog({ redis, keys, channel: 'calls' }, limits, AbortSignal.timeout(20_000));
}

test('clients get from PostgreSQL what their relay could not read before Redis had trimmed it', async () => {
  await proxy.cut();
  await log.fill(UNREAD);
  await moveToPostgres();
  await proxy.restore();
  await log.fill(1);
  const all = upTo(READ + UNREAD + 1);
  for (const client of clients) {
    await waitFor(() => numbersOf(client).at(-1) === all.length, { what: `${client.transport} to get to the head` });
    expect(numbersOf(client), client.transport).toEqual(all);
  }
});

test('clients get from PostgreSQL what a failover lost that their relay had not read', async () => {
  await proxy.cut();
  await log.fill(UNREAD);
  await copyToPostgres();
  const head = READ + UNREAD;
  const { redis, keys } = log;
  await redis.xdel(keys.log('calls'), ...Array.from({ length: LOST }, (_, index) => `${head - index}-0`));
  await redis.call('XSETID', keys.log('calls'), `${head - LOST}-0`);
  await redis.hset(keys.meta('calls'), 'seq', head - LOST);
  await log.fill(1);
  await proxy.restore();
  for (const client of clients) {
    await waitFor(() => numbersOf(client).at(-1) === head + 1, { what: `${client.transport} to get to the head` });
    expect(numbersOf(client), client.transport).toEqual(upTo(head + 1));
    expect(messagesOf(client), client.transport).toContainEqual(
      expect.objectContaining({ type: 'gap', reason: 'log_rolled_back', lost: LOST }),
    );
  }
});

test('clients get from PostgreSQL what Redis lost again of a log that was begun anew before their relay knew of it', async () => {
  await proxy.cut();
  const { redis, keys } = log;
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'filler'));
  const begun = createLogFiller({ redisUrl: server.url, pbxId: server.pbxId });
  await begun.fill(UNREAD);
  await copyToPostgres();
  await redis.del(keys.log('calls'));
  await begun.fill(1);
  await begun.stop();
  await proxy.restore();
  for (const client of clients) {
    const again = () => numbersOf(client).slice(READ);
    await waitFor(() => again().at(-1) === UNREAD + 1, { what: `${client.transport} to get to the head` });
    expect(again(), client.transport).toEqual(upTo(UNREAD + 1));
    expect(messagesOf(client)[READ], client.transport).toMatchObject({ type: 'gap', reason: 'log_reset' });
  }
});

test('clients are told a gap where PostgreSQL does not have it any more', async () => {
  await proxy.cut();
  await log.fill(UNREAD);
  await moveToPostgres();
  await store.pool.query('DELETE FROM events');
  await proxy.restore();
  await log.fill(1);
  const missing = UNREAD - KEPT;
  for (const client of clients) {
    const { transport } = client;
    await waitFor(() => numbersOf(client).at(-1) === READ + UNREAD + 1, { what: `${transport} to get to the head` });
    const gaps = messagesOf(client).filter(({ type }) => type === 'gap');
    expect(gaps, transport).toMatchObject([{ reason: 'retention', lost: missing }]);
    expect(numbersOf(client)[READ], transport).toBe(READ + missing + 1);
  }
});
