import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { relayConfig } from '@3cx-relay/relay/config.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import type { ErrorOccurrence } from '@3cx-relay/shared/errors/error-event.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import { createServiceErrors, type ServiceErrors } from '@3cx-relay/shared/errors/service-errors.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { drainChannel } from '../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../services/worker/retention/history-days.ts';
import { createMonths } from '../../services/worker/retention/months.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { adminSecret, startTestRelay, type TestRelay } from '../harness/relay.ts';
import { connectClient } from '../harness/relay-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { startTcpProxy } from './fixtures/tcp-proxy.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
let relay: TestRelay;
let tracker: ErrorTracker;
let keys: LogKeys;
let connection: RedisConnection;
let store: PostgresPool;
let filler: LogFiller;
let service: ServiceErrors;
let errors: ErrorSink;

beforeAll(async () => {
  relay = await startTestRelay();
  tracker = relay.tracker;
  keys = createLogKeys(relay.pbxId);
  connection = connectRedis(relay.redisUrl, { name: 'test', logger });
  await waitFor(() => connection.redis.ping(), { what: 'Redis to answer' });
  store = createPool({ databaseUrl: relay.databaseUrl, name: 'test', max: 4, logger });
  filler = createLogFiller(relay);
});

afterAll(async () => {
  await filler.stop();
  await connection.stop();
  await store.stop();
  await relay.stop();
});

beforeEach(async () => {
  await forget();
  service = createServiceErrors({ redis: connection.redis, keys }, { service: 'ingest', logger });
  errors = service.errors;
});

afterEach(() => service.stop(1_000));

/** What the tests before have told is copied, so that nobody keeps it in memory, and then in no table either. */
async function forget(): Promise<void> {
  for (const channel of ['errors', 'audit'] as const) await drain(channel);
  await store.pool.query('DELETE FROM error_log');
  await store.pool.query('DELETE FROM events');
  await waitFor(async () => (await list()).length === 0, { what: 'no error to be known' });
}

async function drain(channel: 'errors' | 'audit' = 'errors'): Promise<number> {
  const deps = {
    redis: connection.redis,
    keys,
    pool: store.pool,
    months: createMonths({ pool: store.pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('test')),
    logger,
  };
  return (await drainChannel(deps, channel, AbortSignal.timeout(20_000))).rows;
}

async function seen(count: number, by: ErrorTracker = tracker): Promise<void> {
  await waitFor(async () => total(await list(by)) >= count, { what: `${count} occurrences` });
}

const list = async (by: ErrorTracker = tracker) => (await by.getErrors({ limit: 500 })).errors;
const total = (groups: readonly { count: number }[]) => groups.reduce((sum, group) => sum + group.count, 0);

/** Another instance of the relay on the same log and database. */
async function startSecond(databaseUrl = relay.databaseUrl) {
  const config = readConfig(relayConfig, {
    REDIS_URL: relay.redisUrl,
    DATABASE_URL: databaseUrl,
    ADMIN_SECRET: adminSecret,
    PBX_ID: relay.pbxId,
    PORT: '0',
    RELAY_DRAIN_MS: '0',
  });
  const second = await createRelay(config, { logger, registry: createMetrics('relay') });
  return {
    tracker: second.tracker,
    async stop() {
      for (const phase of second.stop) await phase.run();
    },
  };
}

test('an error of any service reaches a subscriber of channel errors and the listeners of the tracker', async () => {
  const client = await connectClient(relay.url, relay.apiKey, { channels: 'errors' });
  await client.waitForMessage('caught_up');
  const heard: ErrorOccurrence[] = [];
  tracker.on('new_error', error => heard.push(error));
  errors.logError('websocket', 'warning', 'the PBX connection was lost', { code: 1006 });
  tracker.logError('postgres', 'critical', 'PostgreSQL is away');
  await waitFor(() => client.entries().length >= 2 && heard.length >= 2, { what: 'both errors' });
  expect(client.entries().map(({ type, event, data }) => ({ type, event, data }))).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: 'error_event', event: 'error.critical' }),
      {
        type: 'error_event',
        event: 'error.warning',
        data: expect.objectContaining({ component: 'websocket', service: 'ingest', details: { code: 1006 } }),
      },
    ]),
  );
  expect(new Set(heard.map(({ id }) => id))).toEqual(new Set(client.entries().map(({ id }) => id)));
  await client.close();
});

describe('the list', () => {
  test('is the same before, while and after the entries are copied to PostgreSQL', async () => {
    for (let n = 0; n < 5; n += 1) errors.logError('redis', 'error', `attempt ${n} failed`);
    errors.logError('websocket', 'warning', 'lost');
    await seen(6);
    const before = await list();
    expect(await drain()).toBe(6);
    expect(await list()).toEqual(before);
    errors.logError('redis', 'error', 'attempt 5 failed');
    await seen(7);
    const group = (await list()).find(({ component }) => component === 'redis');
    expect(group).toMatchObject({ count: 6, acknowledged: false, message: 'attempt 5 failed' });
    expect(group?.id).toBe(before.find(({ component }) => component === 'redis')?.id);
    await drain();
    expect((await list()).find(({ component }) => component === 'redis')).toEqual(group);
  });

  test('has every group once, page by page, wherever the copying has got to', async () => {
    const word = (n: number) => [...String(n)].map(digit => 'abcdefghij'[Number(digit)]).join('');
    for (let n = 0; n < 60; n += 1) {
      errors.logError(n % 2 ? 'odd' : 'even', n % 3 ? 'error' : 'info', `the word ${word(n)} is unknown`);
      if (n === 39) {
        await seen(40);
        await drain();
      }
    }
    await seen(60);
    const messages: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await tracker.getErrors({ limit: 7, cursor });
      messages.push(...page.errors.map(({ message }) => message));
      cursor = page.next ?? undefined;
    } while (cursor);
    expect(new Set(messages).size).toBe(60);
    expect(messages).toHaveLength(60);
    const filtered = await tracker.getErrors({ component: ['odd'], severity: ['info'], limit: 500 });
    expect(filtered.errors).toHaveLength(10);
    expect((await tracker.getErrors({ text: 'WORD FJ IS' })).errors.map(({ component }) => component)).toEqual(['odd']);
    expect((await tracker.getErrors({ from: new Date(Date.now() + 60_000) })).errors).toEqual([]);
    await expect(tracker.getErrors({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  });

  test('comes from memory while PostgreSQL is away, and says so', async () => {
    const proxy = await startTcpProxy(relay.databaseUrl);
    const second = await startSecond(proxy.url);
    errors.logError('redis', 'error', 'before');
    await seen(1, second.tracker);
    await proxy.cut();
    errors.logError('redis', 'error', 'during');
    await waitFor(async () => total((await second.tracker.getErrors()).errors) >= 2, { what: 'both errors' });
    const page = await second.tracker.getErrors();
    expect(page.incomplete).toContain('PostgreSQL does not answer');
    await proxy.restore();
    proxy.freeze();
    expect((await second.tracker.getErrors()).incomplete).toContain('PostgreSQL does not answer');
    await proxy.restore();
    await waitFor(async () => (await second.tracker.getErrors()).incomplete === null, { what: 'the whole list' });
    await second.stop();
    await proxy.stop();
  });

  test('keeps at most a thousand entries in memory, and says when that is not all', async () => {
    const entry = (n: number) => {
      const body = JSON.stringify({
        at: new Date().toISOString(),
        data: { component: 'c', severity: 'info', message: `m${n}` },
      });
      return { type: 'error_event', at: Date.now(), body };
    };
    await filler.append(
      Array.from({ length: 1_500 }, (_, n) => entry(n)),
      'errors',
    );
    // It reads in pages: a thousand may be there before anything had to go.
    const page = await waitFor(
      async () => {
        const page = await tracker.getErrors();
        return page.incomplete?.includes('behind the log') && page;
      },
      { what: 'more than it keeps' },
    );
    expect(total(page.errors)).toBe(1_000);
    await drain();
    await waitFor(async () => (await tracker.getErrors()).incomplete === null, { what: 'the whole list' });
    expect(total(await list())).toBe(1_500);
  });
});

describe('an acknowledgement', () => {
  test('is seen at once by who gave it, live by another instance and by clients, and stays in PostgreSQL', async () => {
    const second = await startSecond();
    const client = await connectClient(relay.url, relay.apiKey, { channels: 'errors', event: 'error.acknowledged' });
    await client.waitForMessage('caught_up');
    errors.logError('redis', 'error', 'attempt 1 failed');
    await Promise.all([seen(1), seen(1, second.tracker)]);
    const [group] = await list();
    const id = group?.id ?? '';
    const done = { acknowledged: [id], unknown: [], incomplete: null };
    expect(await tracker.acknowledgeError(id, 'ada')).toEqual({ ...done, changed: [id] });
    expect(await list()).toMatchObject([{ id, acknowledged: true, acknowledgedBy: 'ada' }]);
    await waitFor(async () => (await list(second.tracker))[0]?.acknowledged, { what: 'the other instance' });
    await waitFor(() => client.entries().length === 1, { what: 'the client' });
    expect(client.entries()[0]).toMatchObject({
      type: 'error_event',
      event: 'error.acknowledged',
      data: { by: 'ada', errors: [{ id, fingerprint: group?.fingerprint }] },
    });
    await drain();
    const { rows } = await store.pool.query('SELECT acknowledged, acknowledged_by, count::int FROM error_log');
    expect(rows).toEqual([{ acknowledged: true, acknowledged_by: 'ada', count: 1 }]);
    errors.logError('redis', 'error', 'attempt 2 failed');
    await seen(2);
    expect((await list()).map(each => [each.acknowledged, each.count])).toEqual([
      [false, 1],
      [true, 1],
    ]);
    await client.close();
    await second.stop();
  });

  test('of what is acknowledged already writes nothing, wherever that is known from', async () => {
    const written = async () => Number(await connection.redis.hget(keys.meta('errors'), 'seq'));
    errors.logError('redis', 'error', 'attempt 1 failed');
    await seen(1);
    const id = (await list())[0]?.id ?? '';
    await tracker.acknowledgeError(id, 'ada');
    const before = await written();
    const again = { acknowledged: [id], changed: [], unknown: [], incomplete: null };
    expect(await tracker.acknowledgeError([id], 'bob')).toEqual(again);
    await drain();
    expect(await tracker.acknowledgeError([id], 'bob')).toEqual(again);
    expect(await written()).toBe(before);
    expect(await list()).toMatchObject([{ id, acknowledged: true, acknowledgedBy: 'ada' }]);
  });

  test('of one that only PostgreSQL has, which the log has acknowledged since, writes nothing', async () => {
    const written = async () => Number(await connection.redis.hget(keys.meta('errors'), 'seq'));
    errors.logError('redis', 'error', 'attempt 1 failed');
    await seen(1);
    await drain();
    const id = (await list())[0]?.id ?? '';
    const many = Array.from({ length: 1_200 }, (_, n) => ({
      ...{ type: 'error_event', at: Date.now() },
      body: JSON.stringify({
        at: new Date().toISOString(),
        data: { component: 'c', severity: 'info', message: `m${n}` },
      }),
    }));
    await filler.append(many, 'errors');
    await seen(1_001);
    await drain();
    await seen(1_201);
    await tracker.acknowledgeError(id, 'ada');
    const before = await written();
    expect(await tracker.acknowledgeError([id], 'bob')).toMatchObject({ acknowledged: [id], changed: [] });
    expect(await written()).toBe(before);
  });

  test('of all that match takes ten thousand at a time, and says when there are more', async () => {
    await store.pool.query(`
      INSERT INTO error_log (channel, first_position, last_position, fingerprint, timestamp, first_seen, component, severity, message, count)
      SELECT 'errors', 'm5k2h7qa_' || lpad(n::text, 16, '0'), 'm5k2h7qa_' || lpad(n::text, 16, '0'), 'f' || n,
        now() - n * interval '1 second', now() - n * interval '1 second', 'many', 'error', 'number ' || n, 1
      FROM generate_series(1, 10001) AS n`);
    const all = { matching: { component: ['many'] } };
    const first = await tracker.acknowledgeError(all, 'ada');
    expect(first.changed).toHaveLength(10_000);
    expect(first.incomplete).toContain('10,000');
    await drain();
    const rest = await tracker.acknowledgeError(all, 'ada');
    expect([rest.changed.length, rest.incomplete]).toEqual([1, null]);
  });

  test('of several, of all that match, and of what nobody knows', async () => {
    for (const component of ['a', 'b', 'c']) errors.logError(component, 'error', 'went wrong');
    await seen(3);
    await drain();
    errors.logError('d', 'error', 'went wrong');
    await seen(4);
    const idOf = async (name: string) => (await list()).find(({ component }) => component === name)?.id ?? '';
    const several = [await idOf('a'), await idOf('d'), 'm5k2h7qa_0000000000000009'];
    const result = await tracker.acknowledgeError(several, 'ada');
    expect([new Set(result.acknowledged), result.unknown]).toEqual([new Set(several.slice(0, 2)), several.slice(2)]);
    expect((await tracker.acknowledgeError({ matching: { severity: ['error'] } }, 'bob')).acknowledged).toHaveLength(2);
    await drain();
    const { rows } = await store.pool.query(
      'SELECT component, acknowledged_by AS by FROM error_log ORDER BY component',
    );
    expect(rows.map(row => `${row.component} ${row.by}`)).toEqual(['a ada', 'b bob', 'c bob', 'd ada']);
  });
});

describe('PostgreSQL', () => {
  test('has each error once, whenever the worker is killed', { timeout: 120_000 }, async () => {
    const program = fileURLToPath(new URL('./fixtures/drain-and-die.ts', import.meta.url));
    const before = Number(await connection.redis.hget(keys.meta('errors'), 'seq'));
    let written = 0;
    for (const moment of ['before', 'sent']) {
      for (let nth = 1; nth <= 8; nth += 1) {
        for (let n = 0; n < 3; n += 1) errors.logError(`c${nth}`, 'error', `${moment} ${n}`);
        written += 3;
        await waitFor(async () => Number(await connection.redis.hget(keys.meta('errors'), 'seq')) >= before + written, {
          what: 'the entries to be written',
        });
        const args = [program, relay.pbxId, relay.redisUrl, relay.databaseUrl, String(nth), moment, 'errors'];
        const child = spawn(process.execPath, args, { stdio: 'inherit' });
        await once(child, 'exit');
        // The last is beyond the end of a batch that had nothing left to do.
        if (nth <= 7) expect([child.signalCode, moment, nth]).toEqual(['SIGKILL', moment, nth]);
      }
    }
    await waitFor(async () => (await drain()) >= 0 && (await sumOfCounts()) === written, { what: 'all errors' });
    const { rows } = await store.pool.query("SELECT count(*)::int AS n FROM events WHERE channel = 'errors'");
    expect(rows[0].n).toBe(written);
  });

  async function sumOfCounts(): Promise<number> {
    const { rows } = await store.pool.query('SELECT coalesce(sum(count), 0)::int AS sum FROM error_log');
    return rows[0].sum;
  }

  test('shows each audited operation as a line of error_log that nobody has to acknowledge', async () => {
    const data = {
      action: 'connection.reconnect',
      actor: { kind: 'admin', id: '1', name: 'ada' },
      target: 'xapi',
      outcome: 'done',
    };
    const at = new Date().toISOString();
    await filler.append([{ type: 'audit', at: Date.now(), body: JSON.stringify({ at, data }) }], 'audit');
    await drain('audit');
    const { rows } = await store.pool.query('SELECT component, severity, message, acknowledged FROM error_log');
    const message = 'connection.reconnect on xapi by ada: done';
    expect(rows).toEqual([{ component: 'audit', severity: 'info', message, acknowledged: true }]);
    expect(await list()).toEqual([]);
    expect((await tracker.getErrors({ component: ['audit'] })).errors).toMatchObject([{ message }]);
  });

  test('takes what no writer of ours would write', async () => {
    const bodies = [
      'not JSON',
      '{"data":{}}',
      `{"data":{"component":"${'x'.repeat(500)}","severity":"dreadful","message":"nul \\u0000 \\ud800","details":{"a":"\\u0000"}}}`,
      `{"data":{"message":"deep","details":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
    ];
    await filler.append(
      bodies.map(body => ({ type: 'error_event', at: 8.64e17, body })),
      'errors',
    );
    expect(await drain()).toBe(4);
    const { rows } = await store.pool.query('SELECT severity FROM error_log');
    expect(rows).toEqual([{ severity: 'error' }, { severity: 'error' }, { severity: 'error' }]);
  });
});

test('an acknowledgement outlives Redis', async () => {
  errors.logError('redis', 'error', 'away');
  await seen(1);
  const [group] = await list();
  await drain();
  await tracker.acknowledgeError(group?.id ?? '', 'ada');
  await drain();
  await connection.redis.del(keys.log('errors'), keys.meta('errors'));
  const second = await startSecond();
  expect(await list(second.tracker)).toMatchObject([{ id: group?.id, acknowledged: true, acknowledgedBy: 'ada' }]);
  await second.stop();
});
