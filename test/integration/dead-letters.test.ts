import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { requestEntry } from '@3cx-relay/shared/log/request-entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { selectDeadLetters } from '@3cx-relay/shared/store/dead-letters.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { drainChannel, type PersistDeps } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { createQuarantine } from '../../services/worker/persist/quarantine.ts';
import { retryDeadLetters } from '../../services/worker/persist/retry-dead-letters.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { entries, entry } from './fixtures/log-writer.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const FAILURES = 3;
let database: TestDatabase;
let store: PostgresPool;
let filler: LogFiller;
let keys: LogKeys;
let deps: PersistDeps;
let told: string[];

beforeEach(async () => {
  const [testDatabase, redis] = await Promise.all([createTestDatabase(), createTestRedis()]);
  database = testDatabase;
  filler = createLogFiller({ redisUrl: redis.url, pbxId: redis.pbxId });
  store = createPool({ databaseUrl: database.url, name: 'test', max: 4, logger });
  keys = createLogKeys(redis.pbxId);
  told = [];
  const errors = {
    logError: (component: string, severity: string) => void told.push(`${component} ${severity}`),
  };
  deps = {
    redis: filler.redis,
    keys,
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
    errors,
    quarantine: createQuarantine({ logger, errors }, FAILURES),
  };
});

afterEach(async () => {
  await filler.stop();
  await store.stop();
  await database.drop();
});

async function drain(channel: Channel): Promise<number> {
  const { rows } = await drainChannel(deps, channel, AbortSignal.timeout(20_000));
  return rows;
}

function retry() {
  return retryDeadLetters({ pool: store.pool, months: deps.months, logger }, AbortSignal.timeout(20_000));
}

function letters() {
  return selectDeadLetters(store.pool, { limit: 100 });
}

async function query<Row>(statement: string): Promise<Row[]> {
  return (await store.pool.query(statement)).rows as Row[];
}

function sample(component: string) {
  const at = Date.now();
  const data = { component, state: 'up', latencyMs: 1, error: null };
  return { type: 'health', at, event: 'health.sample', body: JSON.stringify({ at: new Date(at).toISOString(), data }) };
}

test('an entry that PostgreSQL refuses is a dead letter with its body byte for byte, beside its row in events', async () => {
  const nested = `{"deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  const bytes = '{"nul":"\0","text":"Ünï 😀 \\u0000"';
  await filler.append([entry(1), entry(2, { body: nested }), entry(3, { body: bytes, dn: 'a\0b' }), entry(4)]);
  expect(await drain('calls')).toBe(4);
  const [second, first] = await letters();
  expect(first?.entry).toMatchObject({ channel: 'calls', seq: 2, type: 'call_event', dn: '101', body: nested });
  expect(first).toMatchObject({ target: 'events', sqlstate: '54001', details: null, resolvedAt: null });
  expect(second?.entry).toMatchObject({ seq: 3, dn: 'a\uFFFDb', call: 'call-3', body: bytes });
  expect(second?.sqlstate).toMatch(/^22/);
  expect(await letters()).toHaveLength(2);
  expect(await query('SELECT seq::int FROM events ORDER BY seq')).toEqual([1, 2, 3, 4].map(seq => ({ seq })));
  expect(told).toEqual(['persist error']);
});

test('a row that a table refuses leaves its entry in events, and a retry after the repair fills the table', async () => {
  await query("ALTER TABLE connection_status_history ADD CONSTRAINT c CHECK (component <> 'poison')");
  await filler.append([sample('redis'), sample('poison'), sample('xapi')], 'health');
  expect(await drain('health')).toBe(3);
  const shown = 'SELECT component FROM connection_status_history ORDER BY component';
  expect(await query(shown)).toEqual([{ component: 'redis' }, { component: 'xapi' }]);
  const [letter] = await letters();
  expect(letter).toMatchObject({
    target: 'connection_status_history',
    sqlstate: '23514',
    details: { component: 'poison' },
  });
  expect(await retry()).toEqual({ resolved: 0, refused: 1 });
  expect((await letters())[0]).toMatchObject({ retriedAt: expect.any(Date), resolvedAt: null });
  await query('ALTER TABLE connection_status_history DROP CONSTRAINT c');
  expect(await retry()).toEqual({ resolved: 1, refused: 0 });
  expect((await letters())[0]).toMatchObject({ resolvedAt: expect.any(Date) });
  expect(await query(shown)).toEqual([{ component: 'poison' }, { component: 'redis' }, { component: 'xapi' }]);
  expect(await retry()).toEqual({ resolved: 0, refused: 0 });
});

test('a group of errors that is refused leaves a letter for each of its entries, and comes back whole', async () => {
  await query("ALTER TABLE error_log ADD CONSTRAINT c CHECK (message <> 'poison')");
  const error = (message: string) => {
    const data = {
      component: 'xapi',
      severity: 'error',
      message,
      details: {},
      fingerprint: message,
      service: 'ingest',
    };
    const body = JSON.stringify({ at: new Date().toISOString(), event: 'error.error', data });
    return { type: 'error_event', at: Date.now(), event: 'error.error', body };
  };
  await filler.append([error('fine'), error('poison'), error('poison'), error('fine')], 'errors');
  await drain('errors');
  expect((await letters()).map(({ entry: { seq }, target }) => [seq, target])).toEqual([
    [3, 'error_log'],
    [2, 'error_log'],
  ]);
  await query('ALTER TABLE error_log DROP CONSTRAINT c');
  expect(await retry()).toEqual({ resolved: 2, refused: 0 });
  expect(await query('SELECT message, count::int FROM error_log ORDER BY message')).toEqual([
    { message: 'fine', count: 2 },
    { message: 'poison', count: 2 },
  ]);
});

test('an error that nobody foresaw stops the channel for a while, then puts aside only the entry it comes from', async () => {
  await refuseByTrigger('events_calls', "NEW.dn = 'poison'");
  await filler.append([...entries(1, 150), entry(151, { dn: 'poison' }), ...entries(152, 160)]);
  for (let attempt = 1; attempt <= FAILURES; attempt += 1) await expect(drain('calls')).rejects.toThrow('no poison');
  expect(await query('SELECT 1 FROM events')).toEqual([]);
  expect(told).toEqual(['persist critical']);
  expect(await drain('calls')).toBe(160);
  const [letter, ...others] = await letters();
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ target: 'events', sqlstate: 'P0001', entry: { seq: 151, dn: 'poison' } });
  expect(await query('SELECT count(*)::int AS n FROM events')).toEqual([{ n: 159 }]);
  await query('DROP TRIGGER poison ON events_calls');
  expect(await retry()).toEqual({ resolved: 1, refused: 0 });
  expect(await query("SELECT dn FROM events WHERE seq = 151 AND body->>'n' = '151'")).toEqual([{ dn: 'poison' }]);
});

test('a table that is not there, or may not be written to, is waited for and takes no entry away', async () => {
  await query('ALTER TABLE api_requests RENAME TO api_requests_elsewhere');
  const record = {
    endpoint: '/relay/health',
    method: 'GET',
    status: 200,
    durationMs: 1,
    keyId: 1,
    client: 'c',
  } as const;
  await filler.append(
    [requestEntry(Date.now(), { ...record, event: 'http.request', address: null, transport: 'http' })],
    'requests',
  );
  for (let attempt = 0; attempt < 3 * FAILURES; attempt += 1) await expect(drain('requests')).rejects.toThrow();
  expect(told).toEqual([]);
  await query('ALTER TABLE api_requests_elsewhere RENAME TO api_requests');
  expect(await drain('requests')).toBe(1);
  expect(await letters()).toEqual([]);
});

async function refuseByTrigger(table: string, condition: string): Promise<void> {
  await query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF ${condition} THEN RAISE EXCEPTION 'no poison'; END IF; RETURN NEW; END $$`);
  await query(`CREATE TRIGGER poison BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`);
}
