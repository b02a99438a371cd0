import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLog } from '@3cx-relay/shared/log/read.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../../../test/harness/redis.ts';
import { createSmallDisk, type SmallDisk } from '../../../test/harness/small-disk.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { DurableLog, type DurableLogWatcher } from './durable-log.ts';
import { Spool } from './spool.ts';

/** What becomes of an append: it works, it never arrives, or it is written and its answer is lost. */
type Fate = 'works' | 'fails' | 'written, answer lost';

/** Null where it may not be mounted: that is root's to do. */
let disk: SmallDisk | null;
let redis: Redis;
let prefix: string;
let folder: string;
let run = 0;

beforeAll(async () => {
  disk = await createSmallDisk(1);
});
afterAll(() => disk?.remove());
beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = new Redis(url);
  prefix = pbxId;
  folder = await mkdtemp(join(tmpdir(), '3cx-relay-test-durable-'));
});
afterEach(async () => {
  redis.disconnect();
  await rm(folder, { recursive: true, force: true });
});

const entry = (n: number) => ({ type: 'call_event', at: n, body: `{"n":${n}}` });

type Opening = {
  keys: LogKeys;
  fate: () => Fate | Promise<Fate>;
  writerId?: string;
  maxSpoolBytes?: number;
  dir?: string;
  errors?: ErrorSink;
};

async function open({ keys, dir = folder, ...options }: Opening) {
  const spool = await Spool.open({ folder: dir, name: `${keys.pbxId}.jsonl`, onError: () => undefined });
  return new DurableLog(
    { writerId: options.writerId ?? 'w', maxSpoolBytes: options.maxSpoolBytes ?? 1_000_000, maxRestMs: 5 },
    {
      async append(channel, batch) {
        const fate = await options.fate();
        if (fate === 'fails') throw new Error('Redis is away');
        const appended = await appendToLog({ redis, keys, channel }, batch);
        if (fate === 'works') return appended;
        throw new Error('the answer was lost');
      },
      spool,
      ...(options.errors && { errors: options.errors }),
      logger: createLogger({ name: 'test', level: 'silent' }),
      registry: createMetrics('test'),
    },
  );
}

async function logged(keys: LogKeys, channel: Channel = 'calls'): Promise<number[]> {
  const all: LogEntry[] = [];
  const { signal } = new AbortController();
  for await (const page of readLog({ redis, keys, after: new Map([[channel, 0]]), signal })) {
    if (page.kind === 'entries') all.push(...page.entries);
  }
  return all.map(each => each.at);
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

test('whatever becomes of the appends, and wherever the process ends, every entry is there once and in order', async () => {
  const anyFates = fc.array(fc.constantFrom<Fate>('works', 'works', 'fails', 'written, answer lost'), {
    maxLength: 12,
  });
  const anyChunk = fc.record({ size: fc.integer({ min: 0, max: 30 }), isDiskFull: fc.boolean() });
  const anyLives = fc.array(fc.record({ chunks: fc.array(anyChunk, { maxLength: 6 }), fates: anyFates }), {
    minLength: 1,
    maxLength: 3,
  });
  const dir = disk?.dir ?? folder;
  await fc.assert(
    fc.asyncProperty(anyLives, async lives => {
      run += 1;
      const keys = createLogKeys(`${prefix}-${run}`);
      let n = 0;
      for (const [life, { chunks, fates }] of lives.entries()) {
        const left = [...fates];
        const log = await open({ keys, dir, fate: () => left.shift() ?? 'works', writerId: `w${life}` });
        for (const { size, isDiskFull } of chunks) {
          await (isDiskFull ? disk?.fill(0) : disk?.makeRoom());
          for (let i = 0; i < size; i += 1) {
            n += 1;
            log.write('calls', entry(n));
          }
          await new Promise(resolve => setTimeout(resolve, 2));
        }
        await disk?.makeRoom();
        await log.stop(50);
      }
      const last = await open({ keys, dir, fate: () => 'works', writerId: 'last' });
      await last.direct();
      await last.stop(1_000);
      expect(await logged(keys)).toEqual(upTo(n));
    }),
    { numRuns: 30 },
  );
}, 60_000);

test('while the log is away entries of all channels wait, and go in when it is back', async () => {
  const keys = createLogKeys(prefix);
  let fate: Fate = 'fails';
  const log = await open({ keys, fate: () => fate });
  for (const n of upTo(2_000)) log.write(n % 100 === 0 ? 'errors' : 'calls', entry(n));
  await waitFor(() => log.whySpooling !== null, { what: 'spooling' });
  expect(log.spoolBytes).toBeGreaterThan(0);
  fate = 'works';
  for (const n of upTo(100)) log.write('calls', entry(2_000 + n));
  await log.direct();
  expect(log.whySpooling).toBeNull();
  await log.stop(1_000);
  expect(await logged(keys)).toEqual(upTo(2_100).filter(n => n > 2_000 || n % 100 !== 0));
  expect(await logged(keys, 'errors')).toHaveLength(20);
});

test('with Redis away and the disk full it says that it spools until Redis is back, and then that all is written', async context => {
  if (!disk) {
    console.warn('NOT TESTED: the disk is not filled, because only root may mount a small one');
    return context.skip();
  }
  const keys = createLogKeys(prefix);
  const announced: string[] = [];
  const errors: ErrorSink = { logError: (_, severity) => announced.push(severity) };
  let appends = 0;
  let answers = Promise.withResolvers<Fate>();
  const fate = () => {
    appends += 1;
    return answers.promise;
  };
  const log = await open({ keys, dir: disk.dir, fate, errors });
  await disk.fill(0);
  for (const n of upTo(1_000)) log.write('calls', entry(n));
  answers.resolve('fails');
  await waitFor(() => log.whySpooling !== null, { what: 'spooling' });
  await waitFor(() => appends > 3, { what: 'the next tries' });
  answers = Promise.withResolvers();
  const before = appends;
  // A try that waits for its answer, as one does while a connection is being made.
  await waitFor(() => appends > before, { what: 'another try' });
  expect(log.whySpooling).toBe('Redis is away');
  expect(announced).toEqual(['critical']);
  expect(log.spoolBytes).toBeGreaterThan(0);
  answers.resolve('works');
  await log.direct();
  for (const n of upTo(10)) log.write('calls', entry(1_000 + n));
  await log.stop(1_000);
  await disk.makeRoom();
  expect(announced).toEqual(['critical', 'info']);
  expect(await logged(keys)).toEqual(upTo(1_010));
});

test('an append that is not answered is known with its age, until it is', async () => {
  const keys = createLogKeys(prefix);
  const answer = Promise.withResolvers<Fate>();
  const log = await open({ keys, fate: () => answer.promise });
  expect(log.unansweredForMs).toBe(0);
  log.write('calls', entry(1));
  await waitFor(() => log.unansweredForMs > 50, { what: 'its age' });
  log.write('calls', entry(2));
  expect(log.unansweredForMs).toBeGreaterThan(50);
  expect(log.whySpooling).toBeNull();
  answer.resolve('works');
  await waitFor(() => log.unansweredForMs === 0, { what: 'the answer' });
  await log.stop(1_000);
  expect(await logged(keys)).toEqual(upTo(2));
});

test('a full spool says so once, keeps what still comes, and says when there is room again', async () => {
  const keys = createLogKeys(prefix);
  let fate: Fate = 'fails';
  const log = await open({ keys, fate: () => fate, maxSpoolBytes: 10_000 });
  const said: boolean[] = [];
  const watcher: DurableLogWatcher = { onRoom: hasRoom => said.push(hasRoom), onLogLost: () => undefined };
  log.watch(watcher);
  log.write('calls', entry(1));
  await waitFor(() => log.whySpooling !== null, { what: 'spooling' });
  for (const n of upTo(500)) log.write('calls', entry(n + 1));
  expect(said).toEqual([false]);
  fate = 'works';
  await log.direct();
  expect(said).toEqual([false, true]);
  await log.stop(1_000);
  expect(await logged(keys)).toEqual(upTo(501));
});

test('a log that was lost is told to the watcher, a new one is not', async () => {
  const keys = createLogKeys(prefix);
  const log = await open({ keys, fate: () => 'works' });
  const lost: string[] = [];
  log.watch({ onRoom: () => undefined, onLogLost: channel => lost.push(channel) });
  log.write('calls', entry(1));
  await waitFor(async () => (await logged(keys)).length === 1, { what: 'the first entry' });
  expect(lost).toEqual([]);
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'w'));
  log.write('calls', entry(2));
  await waitFor(() => lost.length === 1, { what: 'the news' });
  expect(lost).toEqual(['calls']);
  await log.stop(1_000);
});

test('a log that was lost is told to the watcher when the answer that told of it was lost, too', async () => {
  const keys = createLogKeys(prefix);
  let fate: Fate = 'works';
  const log = await open({ keys, fate: () => fate });
  const lost: string[] = [];
  log.watch({ onRoom: () => undefined, onLogLost: channel => lost.push(channel) });
  log.write('calls', entry(1));
  await waitFor(async () => (await logged(keys)).length === 1, { what: 'the first entry' });
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'w'));
  fate = 'written, answer lost';
  log.write('calls', entry(2));
  await waitFor(async () => (await logged(keys)).length > 0, { what: 'the new log' });
  fate = 'works';
  await waitFor(() => lost.length === 1, { what: 'the news' });
  await log.stop(1_000);
  expect(lost).toEqual(['calls']);
});
