import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import { insertLogEpochs } from '@3cx-relay/shared/store/log-epochs.ts';
import { movePosition } from '@3cx-relay/shared/store/log-positions.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { recallLogs } from '@3cx-relay/shared/store/recall-logs.ts';
import { inTransaction } from '@3cx-relay/shared/store/transaction.ts';
import { epochAt } from '@3cx-relay/shared/wire/position.ts';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

const logger = pino({ level: 'silent' });
let database: TestDatabase;
let store: PostgresPool;
let redis: Redis;
let keys: ReturnType<typeof createLogKeys>;

beforeAll(async () => {
  database = await createTestDatabase();
  store = createPool({ databaseUrl: database.url, name: 'test', max: 2, logger });
});

beforeEach(async () => {
  await store.pool.query('DELETE FROM log_epochs');
  await store.pool.query('UPDATE log_positions SET epoch = NULL, seq = 0');
  const server = await createTestRedis();
  redis = new Redis(server.url);
  keys = createLogKeys(server.pbxId);
});

afterEach(() => redis.disconnect());

afterAll(async () => {
  await store.stop();
  await database.drop();
});

/** As a new process would: it knows nothing of what was written before. */
async function append(writerId: string, count: number): Promise<number> {
  const entries = Array.from({ length: count }, (_, n) => ({
    type: 'call_event',
    at: Date.now(),
    body: `{"at":"","n":${n}}`,
  }));
  const batch = { writerId, firstWriterSeq: 1, entries, highestKnownSeq: 0 };
  return (await appendToLog({ redis, keys, channel: 'calls' }, batch)).lastSeq;
}

async function persistAll(): Promise<{ epoch: string; seq: number }> {
  const { epochs, head } = await readLogInfo(redis, keys, 'calls');
  const position = { epoch: epochs.at(-1)?.epoch ?? '', seq: head };
  await inTransaction(store.pool, async client => {
    await insertLogEpochs(client, 'calls', epochs);
    await movePosition(client, 'calls', position);
  });
  return position;
}

function recall(): Promise<void> {
  return recallLogs({ redis, keys, pool: store.pool, logger });
}

function typesInLog(): Promise<string[]> {
  return redis.xrange(keys.log('calls'), '-', '+').then(entries => entries.map(([, fields]) => String(fields[1])));
}

describe('a Redis that lost the log while nobody was there', () => {
  it('whole, is told: numbers go on, a gap is the first entry, and positions of before keep their meaning', async () => {
    await append('first', 10);
    const before = await persistAll();
    await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'first'));

    await recall();
    expect(await append('second', 1)).toBe(12);

    const info = await readLogInfo(redis, keys, 'calls');
    expect(info.epochs.map(({ first }) => first)).toEqual([1, 11]);
    expect(await typesInLog()).toEqual(['gap', 'call_event']);
    // Who had seen everything misses nothing; PostgreSQL holds the rest.
    expect(resolvePosition({ ...before, seq: 10 }, info)).toEqual({ cursor: 10, gap: null });
    expect(resolvePosition({ ...before, seq: 4 }, { ...info, oldest: 1 })).toEqual({ cursor: 4, gap: null });
  });

  it('but for its newest entries, does not give out their numbers again', async () => {
    await append('first', 10);
    await persistAll();
    await redis.del(keys.log('calls'));
    for (const seq of [1, 2, 3])
      await redis.xadd(keys.log('calls'), `${seq}-0`, 't', 'call_event', 'at', '1', 'b', '{}');
    await redis.hset(keys.meta('calls'), 'seq', 3);
    await redis.del(keys.writer('calls', 'first'));

    await recall();
    expect(await append('second', 1)).toBe(12);
    const gap = (await redis.xrange(keys.log('calls'), '11-0', '11-0'))[0];
    expect(JSON.parse(String(gap?.[1][5]))).toMatchObject({ reason: 'log_rolled_back', lost: 7 });
  });

  it('but for the log itself, goes on as if nothing had happened', async () => {
    await append('first', 10);
    const before = await persistAll();
    await append('more', 2);
    await redis.del(keys.meta('calls'));

    await recall();
    expect(await append('second', 1)).toBe(13);
    expect((await readLogInfo(redis, keys, 'calls')).epochs).toEqual([{ epoch: before.epoch, first: 1 }]);
    expect(await typesInLog()).not.toContain('gap');
  });
});

describe('a Redis that came back from before an epoch that PostgreSQL has', () => {
  /** What it came back with: three entries of the first epoch, of which there were five before the second began. */
  async function comeBack(): Promise<{ epoch: string; seq: number }> {
    await append('first', 5);
    const older = await redis.hget(keys.meta('calls'), 'epochs');
    await redis.del(keys.log('calls'));
    await append('second', 4);
    const newest = await persistAll();
    await redis.del(keys.log('calls'), keys.writer('calls', 'first'), keys.writer('calls', 'second'));
    for (const seq of [1, 2, 3])
      await redis.xadd(keys.log('calls'), `${seq}-0`, 't', 'call_event', 'at', '1', 'b', '{}');
    await redis.hset(keys.meta('calls'), { seq: 3, epochs: older });
    // Epochs are named after the millisecond.
    await waitFor(() => epochAt(Date.now()) > newest.epoch, { what: 'a later name' });
    return newest;
  }

  it('is told of it: numbers go on behind it, and positions of it keep their meaning', async () => {
    const before = await comeBack();
    await recall();
    const known = await readLogInfo(redis, keys, 'calls');
    expect(known.epochs.map(({ first }) => first)).toEqual([1, 6]);
    expect(resolvePosition(before, known)).toEqual({ cursor: before.seq, gap: null });
    expect(await append('third', 1)).toBe(before.seq + 2);
    expect((await readLogInfo(redis, keys, 'calls')).epochs.map(({ first }) => first)).toEqual([1, 6, before.seq + 1]);
  });

  it('and was written since, tells what stands under the same numbers in an epoch of its own', async () => {
    const before = await comeBack();
    await append('third', 12);
    await recall();
    const { epochs, head } = await readLogInfo(redis, keys, 'calls');
    expect(head).toBe(15);
    expect(epochs.map(({ first }) => first)).toEqual([1, 6]);
    expect(epochs[1]?.epoch).not.toBe(before.epoch);
    // Who had seen the one that is gone gets all that is not of the first.
    expect(resolvePosition(before, { epochs, head, oldest: 1 })).toEqual({
      cursor: 5,
      gap: { lost: null, reason: 'log_reset' },
    });
    await recall();
    expect((await readLogInfo(redis, keys, 'calls')).epochs).toEqual(epochs);
  });
});

describe('a comparison with PostgreSQL', () => {
  it('changes nothing where Redis knows more', async () => {
    await append('first', 10);
    await persistAll();
    await append('more', 5);
    const before = await redis.hgetall(keys.meta('calls'));
    await recall();
    expect(await redis.hgetall(keys.meta('calls'))).toEqual(before);
  });

  it('gives older epochs back to a log that began again before anybody could tell it, and no more', async () => {
    await append('first', 10);
    await persistAll();
    await redis.del(keys.log('calls'), keys.meta('calls'));
    // A writer that remembers begins behind what it knows, in an epoch of which Redis knows nothing else.
    const batch = { writerId: 'old', firstWriterSeq: 11, entries: [{ type: 'call_event', at: 1, body: '{"at":""}' }] };
    await appendToLog({ redis, keys, channel: 'calls' }, { ...batch, highestKnownSeq: 10 });
    expect((await readLogInfo(redis, keys, 'calls')).epochs).toHaveLength(1);
    await recall();
    expect((await readLogInfo(redis, keys, 'calls')).epochs.map(({ first }) => first)).toEqual([1, 11]);
  });

  it('keeps histories apart whose numbers overlap, because nobody was left to remember', async () => {
    await append('first', 10);
    await persistAll();
    await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'first'));
    await append('second', 3);
    await recall();
    expect((await readLogInfo(redis, keys, 'calls')).epochs.map(({ first }) => first)).toEqual([1]);
  });

  it('holds nobody up when PostgreSQL does not answer', async () => {
    await append('first', 1);
    const nowhere = createPool({ databaseUrl: 'postgres://127.0.0.1:1/none', name: 'test', max: 1, logger });
    await expect(recallLogs({ redis, keys, pool: nowhere.pool, logger }, 200)).resolves.toBeUndefined();
    await nowhere.stop();
  });
});
