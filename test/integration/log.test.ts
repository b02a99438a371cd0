import { once } from 'node:events';
import { type AppendBatch, appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { formatEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import { type LogPage, readLog } from '@3cx-relay/shared/log/read.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

let redis: Redis;
let keys: LogKeys;
let prefix: string;
const opened: Redis[] = [];

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = open(url);
  prefix = pbxId;
  keys = createLogKeys(pbxId);
});

afterEach(async () => {
  const left = await redis.keys(`relay:{${prefix}*`);
  if (left.length > 0) await redis.del(...left);
  for (const connection of opened.splice(0)) connection.disconnect();
});

function open(url: string): Redis {
  const connection = new Redis(url);
  opened.push(connection);
  return connection;
}

const urlOf = ({ options }: Redis) => `redis://${options.host}:${options.port}`;
const target = (of: LogKeys = keys) => ({ redis, keys: of, channel: 'calls' as const });
const entryOf = (name: string) => ({ type: 'call_event', at: 1, body: JSON.stringify({ at: 'x', name }) });
const batchOf = (writerId: string, firstWriterSeq: number, size: number, highestKnownSeq = 0): AppendBatch => ({
  writerId,
  firstWriterSeq,
  highestKnownSeq,
  entries: Array.from({ length: size }, (_, i) => entryOf(`${writerId}:${firstWriterSeq + i}`)),
});
const nameOf = (entry: LogEntry) => (JSON.parse(entry.body) as { name?: string }).name ?? entry.type;

async function readAll(of: LogKeys = keys, count = 500, after = 0): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  const { signal } = new AbortController();
  for await (const page of readLog({ redis, keys: of, after: new Map([['calls', after]]), signal, count })) {
    if (page.kind === 'entries') all.push(...page.entries);
  }
  return all;
}

/** Reads as a live reader does until the entry of this name came, then gives everything that came. */
async function followUntil(
  name: string,
  options: { after?: number; count?: number; of?: LogKeys } = {},
): Promise<LogPage[]> {
  const abort = new AbortController();
  const pages: LogPage[] = [];
  const reader = open(urlOf(redis));
  const log = readLog({
    redis: reader,
    keys: options.of ?? keys,
    after: new Map([['calls', options.after ?? 0]]),
    signal: abort.signal,
    count: options.count ?? 500,
    follow: true,
    blockMs: 100,
  });
  for await (const page of log) {
    pages.push(page);
    if (page.kind === 'entries' && page.entries.some(entry => nameOf(entry) === name)) abort.abort();
  }
  return pages;
}

describe('the log', () => {
  /** What one writer does next: a batch of so many entries, sent so many times, with so many of the oldest repeated in front. */
  const anyStep = fc.record({
    writer: fc.integer({ min: 0, max: 2 }),
    size: fc.integer({ min: 1, max: 6 }),
    sends: fc.integer({ min: 1, max: 3 }),
    overlap: fc.integer({ min: 0, max: 3 }),
  });

  test('holds each entry once, without holes and in each writer’s order, however often batches are repeated', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 7 }),
        async (steps, count) => {
          run += 1;
          const own = createLogKeys(`${prefix}-${run}`);
          const written = [0, 0, 0];
          const expected: string[] = [];
          const appends: Promise<{ lastSeq: number }>[] = [];
          for (const { writer, size, sends, overlap } of steps) {
            const before = written[writer] ?? 0;
            const first = Math.max(1, before + 1 - overlap);
            const batch = batchOf(`w${writer}`, first, size + before + 1 - first);
            written[writer] = before + size;
            for (let i = before + 1; i <= before + size; i += 1) expected.push(`w${writer}:${i}`);
            for (let send = 0; send < sends; send += 1) appends.push(appendToLog(target(own), batch));
          }
          const answers = await Promise.all(appends);
          const entries = await readAll(own, count);
          expect(entries.map(nameOf)).toEqual(expected);
          expect(entries.map(entry => entry.seq)).toEqual(expected.map((_, i) => i + 1));
          expect(Math.max(...answers.map(answer => answer.lastSeq))).toBe(expected.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('tells the writer of a repeated batch the numbers it got the first time', async () => {
    const first = await appendToLog(target(), batchOf('a', 1, 3));
    await appendToLog(target(), batchOf('b', 1, 5));
    const again = await appendToLog(target(), batchOf('a', 1, 3));
    expect(again).toMatchObject({ lastSeq: first.lastSeq, skipped: 3, beganEpoch: false });
  });

  test('is read by a follower in order while several writers append', async () => {
    const writers = ['a', 'b', 'c'].map(
      writerId => new LogWriter({ channel: 'calls', writerId, append: batch => appendToLog(target(), batch) }),
    );
    const following = followUntil('end', { count: 7 });
    for (let i = 1; i <= 200; i += 1) {
      for (const writer of writers) writer.write(entryOf(`${writer.writerId}:${i}`));
      if (i % 20 === 0) await new Promise(resolve => setImmediate(resolve));
    }
    await Promise.all(writers.map(writer => writer.flush()));
    await appendToLog(target(), { ...batchOf('end', 1, 1), entries: [entryOf('end')] });
    const entries = (await following).flatMap(page => (page.kind === 'entries' ? page.entries : []));
    expect(entries.map(entry => entry.seq)).toEqual(entries.map((_, i) => i + 1));
    for (const { writerId } of writers) {
      const own = entries.map(nameOf).filter(name => name.startsWith(`${writerId}:`));
      expect(own).toEqual(Array.from({ length: 200 }, (_, i) => `${writerId}:${i + 1}`));
    }
  });

  test('writes the state projection with the entry, and skips both together', async () => {
    const batch: AppendBatch = {
      ...batchOf('a', 1, 1),
      entries: [
        {
          ...entryOf('one'),
          state: [
            { of: 'calls', field: 'c1', value: '{"n":1}' },
            { of: 'participants', field: '101/1', value: '{}' },
          ],
        },
        { ...entryOf('two'), state: [{ of: 'participants', field: '101/1', value: null }] },
      ],
    };
    await appendToLog(target(), batch);
    await redis.hset(keys.calls, 'c1', '{"n":2}');
    await appendToLog(target(), batch);
    expect(await readSnapshot(redis, keys)).toMatchObject({ seq: 2, calls: { c1: '{"n":2}' }, participants: {} });
  });
});

describe('a log that was lost', () => {
  test('in part begins a new epoch with a gap that counts what is gone', async () => {
    await appendToLog(target(), batchOf('a', 1, 10));
    const before = await readLogInfo(redis, keys, 'calls');
    await rollBack(6);
    const appended = await appendToLog(target(), batchOf('a', 11, 2, 10));
    expect(appended.beganEpoch).toBe(true);
    const entries = await readAll();
    expect(entries.map(entry => entry.seq)).toEqual([1, 2, 3, 4, 5, 6, 11, 12, 13]);
    expect(JSON.parse(entries[6]?.body ?? '')).toMatchObject({ reason: 'log_rolled_back', lost: 4 });
    expect(entries.map(entry => entry.epoch === entries[0]?.epoch)).toEqual([
      ...Array(6).fill(true),
      false,
      false,
      false,
    ]);
    expect((entries[6]?.epoch ?? '') > (before.epochs[0]?.epoch ?? '')).toBe(true);
    // A reader that had seen number 9 is told, and goes on behind what both have in common.
    const info = await readLogInfo(redis, keys, 'calls');
    const resolved = resolvePosition({ epoch: before.epochs[0]?.epoch ?? '', seq: 9 + 2 }, info);
    expect(resolved.gap).toMatchObject({ reason: 'log_rolled_back' });
  });

  test('with all its keys begins anew after the highest number that its writer knows, and a follower is told', async () => {
    await appendToLog(target(), batchOf('a', 1, 5));
    const following = followUntil('a:6');
    await new Promise(resolve => setTimeout(resolve, 50));
    await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'a'));
    await appendToLog(target(), batchOf('a', 6, 1, 5));
    const pages = await following;
    const entries = await readAll();
    expect(entries.map(entry => [entry.seq, entry.type])).toEqual([
      [6, 'gap'],
      [7, 'call_event'],
    ]);
    expect(JSON.parse(entries[0]?.body ?? '')).toMatchObject({ reason: 'log_reset', lost: null });
    const seen = pages.flatMap(page => (page.kind === 'entries' ? page.entries.map(entry => entry.seq) : []));
    expect(seen.filter(each => each === 7)).toEqual([7]);
  });

  test('while the clock is set back begins epochs that sort behind those before them', async () => {
    const hourMs = 3_600_000;
    await appendToLog(target(), batchOf('a', 1, 3));
    for (const [lost, hours] of [1, 2].entries()) {
      await redis.del(keys.log('calls'));
      await appendToLog(target(), batchOf('a', 4 + lost, 1, 3 + 2 * lost), Date.now() - hours * hourMs);
    }
    const { epochs } = await readLogInfo(redis, keys, 'calls');
    const names = epochs.map(({ epoch }) => epoch);
    expect(new Set(names).size).toBe(3);
    expect(names).toEqual(names.toSorted());
  });

  test('under a follower that is ahead of it does not leave the follower waiting for ever', async () => {
    await appendToLog(target(), batchOf('a', 1, 50));
    const following = followUntil('fresh', { after: 50 });
    await new Promise(resolve => setTimeout(resolve, 50));
    await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'a'));
    await appendToLog(target(), { ...batchOf('new', 1, 1), entries: [entryOf('fresh')] });
    const pages = await following;
    expect(pages[0]).toMatchObject({ kind: 'reset', channel: 'calls' });
  });

  test('that lost its tail, and was written on by others before its writer came back, still begins a new epoch', async () => {
    await appendToLog(target(), batchOf('a', 1, 3));
    const lost = await appendToLog(target(), batchOf('a', 4, 2, 3));
    await rollBack(3);
    await appendToLog(target(), batchOf('b', 1, 5));
    const appended = await appendToLog(target(), batchOf('a', 6, 1, lost.lastSeq));
    expect(appended).toMatchObject({ beganEpoch: true, lastSeq: 10 });
    const entries = await readAll();
    expect(entries.map(entry => entry.seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    // The others' entries stand under the lost numbers: how many are missing nobody can count any more.
    expect(JSON.parse(entries[8]?.body ?? '')).toMatchObject({ reason: 'log_rolled_back', lost: null });
  });

  test.each([
    ['in part', () => rollBack(3)],
    ['whole', () => redis.del(keys.log('calls'), keys.meta('calls'))],
  ])('%s under a follower is not taken for what follows, however far it was written since', async (_, lose) => {
    await appendToLog(target(), batchOf('a', 1, 5));
    const abort = new AbortController();
    const pages: LogPage[] = [];
    let healthy = 0;
    const following = (async () => {
      const after = new Map([['calls' as const, 5]]);
      const options = { follow: true, blockMs: 20, signal: abort.signal };
      const onHealthy = () => {
        healthy += 1;
      };
      for await (const page of readLog({ redis: open(urlOf(redis)), keys, after, ...options, onHealthy })) {
        pages.push(page);
        if (page.kind === 'entries') abort.abort();
      }
    })();
    await waitFor(() => healthy > 0, { what: 'the follower to know the epoch' });
    await lose();
    const before = healthy;
    await waitFor(() => healthy > before + 3, { what: 'the follower to have looked at what is left' });
    await writeOn('zzzzzzzz', [4, 5, 6, 7, 8]);
    await following;
    expect(pages).toMatchObject([{ kind: 'reset', info: { oldest: 4 } }, { kind: 'entries' }]);
    const told = pages.flatMap(page => (page.kind === 'entries' ? page.entries : []));
    expect(told.map(({ epoch, seq }) => `${epoch} ${seq}`)).toEqual([4, 5, 6, 7, 8].map(seq => `zzzzzzzz ${seq}`));
  });

  test('is found by a follower whose connection broke, and came back, between two questions', async () => {
    await appendToLog(target(), batchOf('a', 1, 5));
    const abort = new AbortController();
    const reader = open(urlOf(redis));
    const after = new Map([['calls' as const, 0]]);
    const pages = readLog({ redis: reader, keys, after, follow: true, blockMs: 20, signal: abort.signal });
    expect((await pages.next()).value).toMatchObject({ kind: 'entries', entries: Array(5).fill({}) });
    const back = once(reader, 'ready');
    await redis.client('KILL', 'ID', await reader.client('ID'));
    await back;
    await rollBack(3);
    await writeOn('zzzzzzzz', [4, 5, 6, 7, 8]);
    expect((await pages.next()).value).toMatchObject({ kind: 'reset', info: { oldest: 4 } });
    abort.abort();
    await pages.next();
  });

  test('and forgot its epochs but the first and the last is not read from the first again by who has seen that', async () => {
    await appendToLog(target(), batchOf('a', 1, 3));
    const [first] = (await readLogInfo(redis, keys, 'calls')).epochs;
    await redis.del(keys.log('calls'));
    await appendToLog(target(), batchOf('a', 4, 1, 3));
    const abort = new AbortController();
    const after = new Map([['calls' as const, 5]]);
    const reader = open(urlOf(redis));
    let healthy = 0;
    const onHealthy = () => {
      healthy += 1;
    };
    const pages = readLog({ redis: reader, keys, after, follow: true, blockMs: 20, signal: abort.signal, onHealthy });
    const page = pages.next();
    await waitFor(() => healthy > 0, { what: 'the follower to know both epochs' });
    await redis.del(keys.log('calls'), keys.meta('calls'));
    const written = redis.multi().hset(keys.meta('calls'), { seq: 6, epochs: `${first?.epoch}:1,zzzzzzzz:6` });
    await written.xadd(keys.log('calls'), '6-0', 't', 'gap', 'at', 1, 'b', '{"at":"x"}').exec();
    expect((await page).value).toMatchObject({ kind: 'reset', info: { oldest: 6 } });
    abort.abort();
    await pages.next();
  });

  /** Another epoch, of a writer that knew of nothing behind it. */
  async function writeOn(epoch: string, seqs: readonly number[]): Promise<void> {
    const { epochs } = await readLogInfo(redis, keys, 'calls');
    const all = formatEpochs([...epochs, { epoch, first: seqs[0] ?? 1 }]);
    const meta = { seq: seqs.at(-1) ?? 0, epochs: all };
    const written = redis.multi().hset(keys.meta('calls'), meta);
    for (const seq of seqs) {
      const type = seq === seqs[0] ? 'gap' : 'call_event';
      written.xadd(keys.log('calls'), `${seq}-0`, 't', type, 'at', 1, 'b', '{"at":"x"}');
    }
    await written.exec();
  }

  /** As a failover to a replica that had not received the tail: log, meta and writer memory are all older. */
  async function rollBack(to: number): Promise<void> {
    const kept = await redis.xrange(keys.log('calls'), '-', `${to}-0`);
    await redis.del(keys.log('calls'));
    for (const [id, fields] of kept) await redis.call('XADD', keys.log('calls'), id, ...fields.map(String));
    await redis.hset(keys.meta('calls'), 'seq', to);
    await redis.set(keys.writer('calls', 'a'), `${to}:${to}`);
  }
});

describe('a writer whose Redis answers late or never', () => {
  test('repeats the batch unchanged, and the entries stand there once', async () => {
    let calls = 0;
    const writer = new LogWriter({
      channel: 'calls',
      writerId: 'w',
      async append(batch) {
        calls += 1;
        const appended = await appendToLog(target(), batch);
        if (calls % 2 === 1) throw new Error('the answer was lost');
        return appended;
      },
    });
    for (let i = 1; i <= 1_200; i += 1) writer.write(entryOf(`w:${i}`));
    await writer.flush();
    expect((await readAll()).map(nameOf)).toEqual(Array.from({ length: 1_200 }, (_, i) => `w:${i + 1}`));
    expect(calls).toBe(6);
  });

  test('takes no more than its bound, gives back what is not acknowledged, and goes on with it in order', async () => {
    let isAway = true;
    const writer = new LogWriter({
      channel: 'calls',
      writerId: 'w',
      maxWaitingBytes: 2_000,
      append: batch => (isAway ? Promise.reject(new Error('away')) : appendToLog(target(), batch)),
    });
    let accepted = 0;
    while (writer.write(entryOf(`w:${accepted + 1}`))) accepted += 1;
    expect(accepted).toBeLessThan(20);
    const taken = writer.takeUnacknowledged();
    expect(taken.map(each => each.writerSeq)).toEqual(Array.from({ length: accepted }, (_, i) => i + 1));
    await writer.flush();
    isAway = false;
    writer.resume(taken);
    await writer.flush();
    writer.write(entryOf('last'));
    await writer.flush();
    expect((await readAll()).map(nameOf)).toHaveLength(accepted + 1);
    expect(writer.highestKnownSeq).toBe(accepted + 1);
  });

  test('gives up at its stop and says that something is left', async () => {
    const writer = new LogWriter({ channel: 'calls', writerId: 'w', append: () => Promise.reject(new Error('away')) });
    writer.write(entryOf('w:1'));
    expect(await writer.stop(100)).toBe(false);
    expect(writer.write(entryOf('w:2'))).toBe(false);
    expect(writer.takeUnacknowledged()).toHaveLength(1);
  });
});
