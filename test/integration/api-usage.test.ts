import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type RequestRecord, requestEntry } from '@3cx-relay/shared/log/request-entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { PANEL_KEY, selectUsage } from '@3cx-relay/shared/store/usage.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
/** Of the day before, so that its month is at most one back. */
const MIDNIGHT = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 86_400_000;
const HOUR = 3_600_000;
let database: TestDatabase;
let store: PostgresPool;
let filler: LogFiller;
let pbxId: string;

beforeEach(async () => {
  const [testDatabase, redis] = await Promise.all([createTestDatabase(), createTestRedis()]);
  database = testDatabase;
  pbxId = redis.pbxId;
  filler = createLogFiller({ redisUrl: redis.url, pbxId });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 4, logger });
});

afterEach(async () => {
  await filler.stop();
  await store.stop();
  await database.drop();
});

async function drain(): Promise<void> {
  const deps = {
    redis: filler.redis,
    keys: createLogKeys(pbxId),
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
  };
  await drainChannel(deps, 'requests', AbortSignal.timeout(20_000));
}

function request(hours: number, more: Partial<RequestRecord> = {}) {
  return requestEntry(MIDNIGHT + hours * HOUR, {
    event: 'http.request',
    endpoint: '/relay/events',
    method: 'GET',
    status: 200,
    durationMs: 10.4,
    keyId: 7,
    client: 'crm',
    address: '192.0.2.1',
    transport: 'http',
    bytes: 100,
    ...more,
  });
}

function usage(query: Partial<Parameters<typeof selectUsage>[1]> = {}) {
  const day = { from: new Date(MIDNIGHT), to: new Date(MIDNIGHT + 24 * HOUR) };
  return selectUsage(store.pool, { ...day, by: 'hour', ...query });
}

test('every answered request is a row of api_requests, the end of a WebSocket is none, and values keep to the columns', async () => {
  await filler.append(
    [
      request(1),
      request(1, { event: 'ws.upgrade', endpoint: '/relay/ws', status: 101, transport: 'ws' }),
      request(2, { event: 'ws.end', endpoint: '/relay/ws', status: 101, transport: 'ws' }),
      request(2, { event: 'sse.end', durationMs: 5e12, transport: 'sse' }),
      request(2, { keyId: null, status: 401, suppressed: 41, endpoint: `/${'x'.repeat(400)}` }),
      { type: 'request', event: 'http.request', at: MIDNIGHT, body: 'not JSON' },
      { type: 'gap', at: MIDNIGHT, body: '{"lost":null}' },
    ],
    'requests',
  );
  await drain();
  const { rows } = await store.pool.query(
    'SELECT api_key_id, left(endpoint, 12) AS endpoint, length(endpoint) AS length, method, status_code, response_time, suppressed FROM api_requests ORDER BY id',
  );
  const common = { api_key_id: 7, method: 'GET', suppressed: 0 };
  expect(rows).toEqual([
    { ...common, endpoint: '/relay/event', length: 13, status_code: 200, response_time: 10 },
    { ...common, endpoint: '/relay/ws', length: 9, status_code: 101, response_time: 10 },
    { ...common, endpoint: '/relay/event', length: 13, status_code: 200, response_time: 2_147_483_647 },
    {
      ...common,
      api_key_id: null,
      endpoint: '/xxxxxxxxxxx',
      length: 255,
      status_code: 401,
      response_time: 10,
      suppressed: 41,
    },
  ]);
  const { rows: months } = await store.pool.query('SELECT DISTINCT tableoid::regclass::text AS name FROM api_requests');
  expect(months).toEqual([{ name: `api_requests_${new Date(MIDNIGHT).toISOString().slice(0, 7).replace('-', '_')}` }]);
  expect(await usage({ keyId: null })).toMatchObject([{ requests: 42, bytes: 100 }]);
});

test('whoever is signed in to the panel is no stranger in what is used', async () => {
  await filler.append(
    [
      request(1, { keyId: null, client: 'panel:ada' }),
      request(1, { keyId: null, client: null, status: 401 }),
      request(1, { client: 'panel:of a key' }),
    ],
    'requests',
  );
  await drain();
  expect(await usage({ keyId: null, groupBy: 'status' })).toMatchObject([{ status: 401, requests: 1 }]);
  expect(await usage({ keyId: PANEL_KEY })).toMatchObject([{ requests: 1 }]);
  expect(await usage({ keyId: 7 })).toMatchObject([{ requests: 1 }]);
  expect(await usage()).toMatchObject([{ requests: 3 }]);
  const { rows } = await store.pool.query('SELECT api_key_id AS key FROM api_requests ORDER BY id');
  expect(rows).toEqual([{ key: null }, { key: null }, { key: 7 }]);
});

test('use adds up over batches by hour, day, status and endpoint, for one key, none, or all', async () => {
  await filler.append([request(1), request(1.9, { status: 429 }), request(2)], 'requests');
  await drain();
  await filler.append([request(1.5, { durationMs: 99, bytes: 5 }), request(23, { keyId: 8 })], 'requests');
  await drain();
  const at = (hours: number) => new Date(MIDNIGHT + hours * HOUR);
  const ofAll = { status: null, endpoint: null };
  expect(await usage({ keyId: 7 })).toEqual([
    { ...ofAll, at: at(1), requests: 3, durationMs: 119, maxDurationMs: 99, bytes: 205 },
    { ...ofAll, at: at(2), requests: 1, durationMs: 10, maxDurationMs: 10, bytes: 100 },
  ]);
  expect(await usage({ by: 'day', groupBy: 'status' })).toEqual([
    { at: at(0), status: 200, endpoint: null, requests: 4, durationMs: 129, maxDurationMs: 99, bytes: 305 },
    { at: at(0), status: 429, endpoint: null, requests: 1, durationMs: 10, maxDurationMs: 10, bytes: 100 },
  ]);
  expect(await usage({ by: 'day', groupBy: 'endpoint', keyId: 8 })).toMatchObject([
    { endpoint: '/relay/events', requests: 1 },
  ]);
  expect(await usage({ keyId: null })).toEqual([]);
  expect(await usage({ from: at(2), to: at(23) })).toMatchObject([{ at: at(2), requests: 1 }]);
});
