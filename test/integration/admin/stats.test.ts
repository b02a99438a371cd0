import { occurrenceEntry } from '@3cx-relay/shared/errors/error-event.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { aboutAnswer } from '@3cx-relay/shared/wire/admin/about.ts';
import { statsAnswer } from '@3cx-relay/shared/wire/admin/stats.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drainChannel } from '../../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../../services/worker/retention/history-days.ts';
import { createMonths } from '../../../services/worker/retention/months.ts';
import { createLogFiller, type LogFiller } from '../../harness/log-filler.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../../harness/relay.ts';
import { type SignedInTester, signInAs } from '../../harness/sign-in.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { startTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy.ts';

/** The numbers of the dashboard, and that no store which is away takes the others with it. */
let own: TestRelay;
let relay: TestRelay;
let postgres: TcpProxy;
let redis: TcpProxy;
let log: LogFiller;
let viewer: SignedInTester;

beforeAll(async () => {
  own = await startTestRelay();
  postgres = await startTcpProxy(own.databaseUrl);
  redis = await startTcpProxy(own.redisUrl);
  relay = await startTestRelay({ DATABASE_URL: postgres.url, REDIS_URL: redis.url, PBX_ID: own.pbxId });
  log = createLogFiller(own);
  viewer = await signInAs({ url: relay.url, databaseUrl: own.databaseUrl }, { role: 'viewer' });
}, 60_000);

afterAll(async () => {
  await log?.stop();
  await relay?.stop();
  await postgres?.stop();
  await redis?.stop();
  await own?.stop();
});

async function stats() {
  const startedAt = performance.now();
  const { status, body } = await viewer.browser('GET', '/admin/stats');
  expect(status).toBe(200);
  return { ...statsAnswer.parse(body), tookMs: performance.now() - startedAt };
}

test('what the relay does can be seen at a glance', async () => {
  await log.redis.hset(log.keys.calls, {
    a: '{"state":"ringing"}',
    b: '{"state":"connected"}',
    c: '{"state":"ringing"}',
  });
  await log.fill(50);
  const seen = await waitFor(
    async () => {
      const answer = await stats();
      // How far PostgreSQL is behind may have been looked at just before.
      const isSeen = (answer.eventsPerSecond.calls ?? 0) > 0 && (answer.persistLag?.calls?.entries ?? 0) > 0;
      return answer.latency.samples >= 50 && isSeen && answer;
    },
    { what: 'the entries to be counted', everyMs: 200 },
  );
  expect(seen).toMatchObject({
    activeCalls: { total: 3, byState: { ringing: 2, connected: 1 } },
    errors: { open: { critical: 0 } },
    redis: { usedBytes: expect.any(Number) },
    missing: [],
  });
  expect([seen.callsPerHour?.length, seen.errors.last24h?.length]).toEqual([24, 24]);
  expect(seen.persistLag?.calls?.entries).toBe(50);
  expect(seen.latency.p99Ms).toBeGreaterThanOrEqual(seen.latency.p50Ms ?? Number.NaN);
});

test('what runs and with which settings is told without secrets', async () => {
  const { status, body } = await viewer.browser('GET', '/admin/about');
  expect(status).toBe(200);
  const about = aboutAnswer.parse(body);
  expect(about.config).toMatchObject({ PBX_ID: own.pbxId, ADMIN_SECRET: '[secret]', DATABASE_URL: '[secret]' });
  expect(JSON.stringify(body)).not.toContain(adminSecret);
  const pidOf = ({ services }: typeof about, name: string) => services.find(({ service }) => service === name)?.pid;
  expect([pidOf(about, 'relay'), pidOf(about, 'ingest'), pidOf(about, 'worker')]).toEqual([process.pid, null, null]);
  expect(about.pbx.database).toBeNull();

  // As the services say it of themselves.
  const database = { origin: '/var/lib/3cxpbx/Bin/3CXPhoneSystem.ini', login: 'a at b/c ([D])', records: 'cdroutput' };
  await log.redis.set(log.keys.workerStatus, JSON.stringify({ at: new Date().toISOString(), pid: 4711 }));
  await log.redis.set(log.keys.ingestStatus, JSON.stringify({ state: 'connected', pid: 4712, database }));
  const said = aboutAnswer.parse((await viewer.browser('GET', '/admin/about')).body);
  expect([pidOf(said, 'ingest'), pidOf(said, 'worker')]).toEqual([4712, 4711]);
  expect(said.pbx.database).toEqual(database);
  await log.redis.del(log.keys.workerStatus, log.keys.ingestStatus);
});

test('while PostgreSQL is frozen the numbers of Redis are there within two seconds', { timeout: 20_000 }, async () => {
  postgres.freeze();
  try {
    const frozen = await waitFor(
      async () => {
        const answer = await stats();
        expect(answer.tookMs).toBeLessThan(2_500);
        return answer.callsPerHour === null && answer.errors.last24h === null && answer;
      },
      { what: 'PostgreSQL to be missed', timeoutMs: 18_000, everyMs: 500 },
    );
    expect(frozen).toMatchObject({
      activeCalls: { total: 3 },
      errors: { last24h: null },
      health: { status: 'degraded' },
    });
    expect(frozen.missing.join('\n')).toContain('calls per hour: PostgreSQL does not answer');
  } finally {
    await postgres.restore();
  }
});

test('a day with more errors than are counted says from when on they are', { timeout: 60_000 }, async () => {
  const EVERY_MS = 2_000;
  const total = 5_300;
  const began = Date.now() - total * EVERY_MS;
  const one = {
    component: 'many',
    severity: 'error',
    message: 'again',
    details: {},
    service: 'test',
    suppressed: 0,
  } as const;
  const entries = Array.from({ length: total }, (_, n) =>
    occurrenceEntry(began + n * EVERY_MS, { ...one, fingerprint: 'many' }),
  );
  for (let from = 0; from < total; from += 500) await log.append(entries.slice(from, from + 500), 'errors');
  await persistErrors();
  const { errors, missing } = await waitFor(
    async () => {
      const answer = await stats();
      return answer.errors.countedFrom !== null && answer;
    },
    { what: 'the count to have an end', everyMs: 500, timeoutMs: 30_000 },
  );
  // What the relay itself told of the outages before is among the newest.
  const oldest = total - 5_000;
  const counted = (Date.parse(errors.countedFrom ?? '') - began) / EVERY_MS;
  expect(counted).toBeGreaterThanOrEqual(oldest);
  expect(counted).toBeLessThan(oldest + 20);
  const sums = (errors.last24h ?? []).map(({ critical, error, warning, info }) => critical + error + warning + info);
  expect(sums.reduce((sum, each) => sum + each, 0)).toBe(5_000);
  expect(missing).toContain('errors of the last 24 hours: only the newest 5,000 entries are counted');
});

async function persistErrors(): Promise<void> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const store = createPool({ databaseUrl: own.databaseUrl, name: 'test', max: 4, logger });
  const months = createMonths({ pool: store.pool, logger }, sameDays(400));
  const metrics = createPersistMetrics(createMetrics('test'));
  const deps = { redis: log.redis, keys: log.keys, pool: store.pool, logger, months, metrics };
  await drainChannel(deps, 'errors', AbortSignal.timeout(30_000)).finally(() => store.stop());
}

test('while Redis is away its numbers are null, and the others are there', { timeout: 20_000 }, async () => {
  await redis.cut();
  try {
    const away = await waitFor(
      async () => {
        const answer = await stats();
        return answer.activeCalls === null && answer;
      },
      { what: 'Redis to be missed', everyMs: 200 },
    );
    expect(away).toMatchObject({ redis: null, persistLag: null, health: { status: 'down' } });
    const queues = await viewer.browser('GET', '/admin/queues');
    expect([queues.status, queues.body.code]).toEqual([503, 'unavailable']);
    expect((await viewer.browser('GET', '/admin/about')).body.missing).toHaveLength(1);
  } finally {
    await redis.restore();
  }
});
