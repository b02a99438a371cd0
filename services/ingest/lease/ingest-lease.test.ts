import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendToLog, isFenced } from '@3cx-relay/shared/log/append.ts';
import { readLease } from '@3cx-relay/shared/log/ingest-lease.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../../../test/harness/redis.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { ingestConfig } from '../config.ts';
import { IngestLease } from './ingest-lease.ts';
import { openLeaseOwner } from './lease-owner.ts';

/** Several ingests ask one Redis for the lease; each has a clock that can be set forward. */
const LEASE_MS = 1_000;
const logger = createLogger({ name: 'test', level: 'silent' });

let redis: Redis;
let keys: LogKeys;
let folder: string;
const asking: IngestLease[] = [];

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = new Redis(url, { maxRetriesPerRequest: 0 });
  keys = createLogKeys(pbxId);
  folder = mkdtempSync(join(tmpdir(), '3cx-relay-test-lease-'));
});

afterEach(async () => {
  for (const lease of asking.splice(0)) await lease.stop({ isReleased: false });
  redis.disconnect();
  rmSync(folder, { recursive: true, force: true });
});

type Asking = {
  lease: IngestLease;
  news: string[];
  owner: ReturnType<typeof openLeaseOwner>;
  clock: { ahead: number };
};

function ask(host: string, options: { folder?: string; leaseMs?: number; redis?: Redis } = {}): Asking {
  const own = options.folder ?? mkdtempSync(join(folder, 'spool-'));
  const owner = openLeaseOwner(own, keys.pbxId);
  const clock = { ahead: 0 };
  const lease = new IngestLease(
    { leaseMs: options.leaseMs ?? LEASE_MS, host, pid: 1 },
    { redis: options.redis ?? redis, keys, owner, logger, now: () => performance.now() + clock.ahead },
  );
  const news: string[] = [];
  lease.start({
    onTaken: ({ term, before }) => {
      owner.keepTerm(term);
      news.push(`taken after ${before}`);
    },
    onStandby: holder => news.push(`standby of ${holder?.host}`),
  });
  asking.push(lease);
  return { lease, news, owner, clock };
}

const told = (asked: Asking, count = 1) => waitFor(() => asked.news.length >= count, { what: 'an answer', everyMs: 5 });

/** As after a kill -9: it asks no more, and leaves the lease as it is. */
const die = ({ lease }: Asking) => lease.stop({ isReleased: false });

async function within(ms: number, work: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  const took = performance.now() - startedAt;
  expect(took).toBeLessThan(ms);
  return took;
}

test('the first gets it at once, the second is told who has it and since when', async () => {
  const first = ask('one');
  await told(first);
  const second = ask('two');
  await told(second);
  expect([first.news, second.news]).toEqual([['taken after null'], ['standby of one']]);
  expect([first.lease.isHolder, first.lease.isCertain, first.lease.standbyReason]).toEqual([true, true, null]);
  expect([second.lease.isHolder, second.lease.isCertain]).toEqual([false, false]);
  expect(second.lease.standbyReason).toMatch(/^standby: ingest on one \(pid 1\) writes since 20\d\d-/);
  expect(await readLease({ redis, keys })).toMatchObject({ host: 'one', leaseMs: LEASE_MS, isReleased: false });
});

test('a holder that goes on keeps it, however long others wait', async () => {
  const first = ask('one');
  await told(first);
  const second = ask('two');
  await new Promise(resolve => setTimeout(resolve, 3 * LEASE_MS));
  expect([first.news, second.news]).toEqual([['taken after null'], ['standby of one']]);
});

test('the next process of the same spool folder has it at once, with the same term', async () => {
  const spool = mkdtempSync(join(folder, 'own-'));
  const first = ask('one', { folder: spool, leaseMs: 600_000 });
  await told(first);
  await die(first);
  const next = ask('one', { folder: spool, leaseMs: 600_000 });
  await within(LEASE_MS, told(next));
  expect(next.news).toEqual(['taken after null']);
  expect(next.owner.term).toBe(first.owner.term);
});

test('another one has it when it stood still for its time, in a new term, and not before', async () => {
  const first = ask('one');
  await told(first);
  const second = ask('two');
  await told(second);
  await die(first);
  const startedAt = performance.now();
  await told(second, 2);
  expect(performance.now() - startedAt).toBeGreaterThan(LEASE_MS / 2);
  expect(second.news).toEqual(['standby of one', 'taken after one']);
  expect(second.owner.term).not.toBe(first.owner.term);
});

test('the time that counts is the longer one of holder and standby', async () => {
  const first = ask('one', { leaseMs: 3_000 });
  await told(first);
  await die(first);
  const second = ask('two', { leaseMs: 1_000 });
  await told(second);
  await new Promise(resolve => setTimeout(resolve, 2_000));
  expect(second.news).toEqual(['standby of one']);
  await told(second, 2);
});

test('one that was given back is taken at once, by one of several', async () => {
  const first = ask('one', { leaseMs: 5_000 });
  await told(first);
  const others = [ask('two', { leaseMs: 5_000 }), ask('three', { leaseMs: 5_000 })];
  await Promise.all(others.map(other => told(other)));
  await first.lease.stop({ isReleased: true });
  await within(
    2_000,
    waitFor(() => others.some(({ lease }) => lease.isHolder), { what: 'a new holder', everyMs: 5 }),
  );
  await new Promise(resolve => setTimeout(resolve, 1_500));
  expect(others.filter(({ lease }) => lease.isHolder)).toHaveLength(1);
});

test('a holder whose time is over asks before it goes on, and learns that it has lost', async () => {
  const first = ask('one', { leaseMs: 600_000 });
  await told(first);
  const { run } = first.lease;
  await redis.hset(keys.ingestLease, { run: 'of another', owner: 'another', host: 'two' });
  expect(first.lease.isCertain).toBe(true);
  first.clock.ahead = 600_001;
  expect(first.lease.isCertain).toBe(false);
  await expect(first.lease.confirm()).rejects.toThrow('standby: ingest on two');
  expect(first.news).toEqual(['taken after null', 'standby of two']);
  // What it would append with the run it had is refused for good.
  expect(first.lease.run).not.toBe(run);
});

test('whose run has the lease no more cannot append, and nothing of its batch is written', async () => {
  const first = ask('one');
  await told(first);
  const append = (run: string, writerSeq: number) =>
    appendToLog(
      { redis, keys, channel: 'calls', run },
      {
        writerId: run,
        firstWriterSeq: writerSeq,
        entries: [{ type: 'call_event', at: 1, body: '{}', state: [{ of: 'calls', field: 'c', value: run }] }],
        highestKnownSeq: 0,
      },
    );
  await append(first.lease.run, 1);
  const refused = await append('of another', 1).catch((error: unknown) => error);
  expect(isFenced(refused)).toBe(true);
  expect(await redis.xlen(keys.log('calls'))).toBe(1);
  expect(await redis.hget(keys.calls, 'c')).toBe(first.lease.run);
  // Where Redis has lost it, nobody else has it.
  await redis.del(keys.ingestLease);
  await append(first.lease.run, 2);
});

test('one that Redis lost is left to its holder, who has it again', async () => {
  const first = ask('one');
  await told(first);
  const second = ask('two');
  await told(second);
  for (let round = 0; round < 3; round += 1) {
    await redis.del(keys.ingestLease);
    await waitFor(async () => (await readLease({ redis, keys }))?.host === 'one', { what: 'the lease', everyMs: 5 });
  }
  expect([first.news, second.news]).toEqual([['taken after null'], ['standby of one']]);
  await die(first);
  await redis.del(keys.ingestLease);
  await told(second, 2);
  expect(second.news.at(-1)).toMatch(/^taken/);
});

test('a standby that did not hear from Redis counts from the beginning', async () => {
  const { url } = await createTestRedis();
  const first = ask('one', { leaseMs: 2_000 });
  await told(first);
  const cut = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 50, enableOfflineQueue: false });
  const second = ask('two', { leaseMs: 2_000, redis: cut });
  await told(second);
  await die(first);
  await new Promise(resolve => setTimeout(resolve, 1_500));
  cut.disconnect();
  await new Promise(resolve => setTimeout(resolve, 600));
  await cut.connect();
  const startedAt = performance.now();
  await told(second, 2);
  expect(performance.now() - startedAt).toBeGreaterThan(1_900);
  cut.disconnect();
});

test('of two with copies of one spool folder the later one has it, and the earlier one does not take it back', async () => {
  const spool = mkdtempSync(join(folder, 'copied-'));
  const first = ask('one', { folder: spool });
  await told(first);
  const second = ask('two', { folder: spool });
  await told(second);
  await told(first, 2);
  await new Promise(resolve => setTimeout(resolve, 2 * LEASE_MS));
  expect(first.news).toEqual(['taken after null', 'standby of two']);
  expect(second.news).toEqual(['taken after null']);
  expect(first.lease.standbyReason).toContain('with a copy of this SPOOL_DIR');
});

test('where Redis takes no write who was alone listens, and is told who writes when it takes them', async () => {
  const { url } = await createTestRedis();
  const user = keys.pbxId;
  await redis.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '+@all', '-hset');
  const readOnly = new Redis(url, { maxRetriesPerRequest: 0, username: user, password: 'any' });
  try {
    const alone = ask('one', { redis: readOnly });
    await told(alone);
    expect([alone.news, alone.lease.isHolder, alone.lease.isCertain]).toEqual([['taken after null'], true, false]);
    await expect(alone.lease.confirm()).rejects.toThrow(/NOPERM|can't run this command/);
    const other = ask('two');
    await told(other);
    await redis.call('ACL', 'SETUSER', user, '+hset');
    await told(alone, 2);
    expect([alone.news.at(-1), other.news]).toEqual(['standby of two', ['taken after null']]);
  } finally {
    readOnly.disconnect();
    await redis.call('ACL', 'DELUSER', user);
  }
});

test('a lease that is shorter than Redis may be slow, or longer than anybody waits, is refused with its name', () => {
  const read = (value: string) =>
    readConfig(ingestConfig, {
      ...{ REDIS_URL: 'redis://127.0.0.1', CLIENT_ID: 'a', CLIENT_SECRET: 'b' },
      INGEST_LEASE_MS: value,
    });
  expect(read('').INGEST_LEASE_MS).toBe(10_000);
  expect(() => read('999')).toThrow('INGEST_LEASE_MS must be at least 1000');
  expect(() => read('600001')).toThrow('INGEST_LEASE_MS must be at most 600000');
});

test('an owner file that was torn makes a new owner', () => {
  const spool = mkdtempSync(join(folder, 'torn-'));
  const { id } = openLeaseOwner(spool, 'main');
  expect(openLeaseOwner(spool, 'main').id).toBe(id);
  writeFileSync(join(spool, 'ingest-main.owner.json'), '{"owner":');
  expect(openLeaseOwner(spool, 'main')).toMatchObject({ term: null });
  expect(openLeaseOwner(spool, 'main').id).not.toBe(id);
});
