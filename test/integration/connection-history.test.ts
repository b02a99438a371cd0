import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let database: TestDatabase;
let store: PostgresPool;
let filler: LogFiller;
let pbxId: string;

beforeEach(async () => {
  database = await createTestDatabase();
  const redis = await createTestRedis();
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
  await drainChannel(deps, 'health', AbortSignal.timeout(20_000));
}

test('keeps every change of a component, one sample a minute between, and nothing twice', async () => {
  const t0 = Date.now() - 3_600_000;
  const sample = (second: number, component: string, state: string, error: string | null = null) => {
    const at = t0 + second * 1_000;
    const data = { component, state, latencyMs: 1.6, error };
    return {
      type: 'health',
      at,
      event: 'health.sample',
      body: JSON.stringify({ at: new Date(at).toISOString(), data }),
    };
  };
  const seconds = Array.from({ length: 60 }, (_, n) => n * 5);
  const isDown = (second: number) => second === 125 || second === 130;
  await filler.append(
    seconds.flatMap(second => [
      sample(second, 'redis', 'up'),
      sample(second, 'database', isDown(second) ? 'down' : 'up', isDown(second) ? 'refused' : null),
    ]),
    'health',
  );
  await drain();
  await filler.append([sample(300, 'redis', 'up'), { type: 'health', at: 1, body: 'not JSON' }], 'health');
  await drain();
  const { rows } = await store.pool.query(
    'SELECT component, state, latency, error_message, timestamp FROM connection_status_history ORDER BY component, timestamp',
  );
  const shown = rows.map(row => [row.component, (row.timestamp.getTime() - t0) / 1_000, row.state, row.error_message]);
  expect(shown).toEqual([
    ...[0, 60, 120].map(second => ['database', second, 'up', null]),
    ['database', 125, 'down', 'refused'],
    ...[135, 195, 255].map(second => ['database', second, 'up', null]),
    ...[0, 60, 120, 180, 240, 300].map(second => ['redis', second, 'up', null]),
  ]);
  expect(rows[0].latency).toBe(2);
});
