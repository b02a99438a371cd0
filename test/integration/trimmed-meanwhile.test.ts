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
import { type Reading, TRANSPORTS } from '../chaos/model/transports.ts';
import { createLogFiller, type LogFiller, numberIn } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { startTestRelay, type TestRelay } from '../harness/relay.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** A relay that cannot read Redis for so long that what it has not read is trimmed there, with its clients connected. */
const READ = 10;
const UNREAD = 30;
const KEPT = 5;
const logger = createLogger({ name: 'test', level: 'silent' });

let proxy: TcpProxy;
let relay: TestRelay;
let log: LogFiller;
let store: PostgresPool;
let told: Map<string, { type: string; [field: string]: unknown }[]>;
let readings: Reading[];

beforeEach(async () => {
  const server = await createTestRedis();
  proxy = await startTcpProxy(server.url);
  relay = await startTestRelay({ REDIS_URL: proxy.url, PBX_ID: server.pbxId });
  log = createLogFiller({ redisUrl: server.url, pbxId: server.pbxId });
  store = createPool({ databaseUrl: relay.databaseUrl, name: 'test', max: 2, logger });
  told = new Map();
  await log.fill(READ);
  readings = Object.entries(TRANSPORTS).map(([transport, open]) => {
    const messages: { type: string }[] = [];
    told.set(transport, messages);
    return connect(open, messages);
  });
  for (const [transport, messages] of told) await waitFor(() => numbers(messages).length === READ, { what: transport });
});

afterEach(async () => {
  for (const reading of readings) reading.cut();
  await log.stop();
  await store.stop();
  await relay.stop();
  await proxy.stop();
});

/** As R6 reads: whoever is cut or refused comes back. */
function connect(open: (typeof TRANSPORTS)[string], messages: { type: string }[]): Reading {
  let place = 'start';
  let reading: Reading;
  let isOver = false;
  const begin = () => {
    reading = open(relay.url, {
      ...{ apiKey: relay.apiKey, after: place, filter: {} },
      onMessage(text, moved) {
        if (text !== null) messages.push(JSON.parse(text));
        if (moved !== null) place = moved;
      },
      onEnd: () => void (isOver || setTimeout(begin, 50)),
    });
  };
  begin();
  return {
    cut() {
      isOver = true;
      reading.cut();
    },
  };
}

function numbers(messages: readonly { type: string }[]): number[] {
  return messages.filter(({ type }) => type === 'call_event').map(numberIn);
}

async function moveToPostgres(): Promise<void> {
  const { redis, keys } = log;
  const deps = {
    ...{ redis, keys, pool: store.pool, logger },
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
  };
  await drainChannel(deps, 'calls', AbortSignal.timeout(20_000));
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
  const all = Array.from({ length: READ + UNREAD + 1 }, (_, index) => index + 1);
  for (const [transport, messages] of told) {
    await waitFor(() => numbers(messages).at(-1) === all.length, { what: `${transport} to get to the head` });
    expect(numbers(messages), transport).toEqual(all);
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
  for (const [transport, messages] of told) {
    await waitFor(() => numbers(messages).at(-1) === READ + UNREAD + 1, { what: `${transport} to get to the head` });
    expect(
      messages.filter(({ type }) => type === 'gap'),
      transport,
    ).toMatchObject([{ reason: 'retention', lost: missing }]);
    expect(numbers(messages).filter(number => number > READ)[0], transport).toBe(READ + missing + 1);
  }
});
