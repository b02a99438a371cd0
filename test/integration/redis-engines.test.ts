import { appendToLog, isFenced } from '@3cx-relay/shared/log/append.ts';
import { askForLease, releaseLease } from '@3cx-relay/shared/log/ingest-lease.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { LogWriter } from '@3cx-relay/shared/log/log-writer.ts';
import { type LogPage, readLog } from '@3cx-relay/shared/log/read.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { infoOfServer, pingServerOf, publishToAll } from '@3cx-relay/shared/runtime/redis-server.ts';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startClusterStand } from '../harness/redis-cluster.ts';
import type { RedisStand } from '../harness/redis-node.ts';
import { waitFor } from '../harness/wait-for.ts';

const logger = pino({ level: 'silent' });
const keys = createLogKeys('main');

let stand: RedisStand | undefined;
const open: RedisConnection[] = [];
const stopping = new Set<AbortController>();

afterEach(async () => {
  for (const controller of stopping) controller.abort();
  stopping.clear();
  await Promise.all(open.splice(0).map(connection => connection.stop()));
});

afterAll(async () => {
  await stand?.stop();
});

async function begin(start: () => Promise<RedisStand>): Promise<RedisStand> {
  await stand?.stop();
  stand = await start();
  return stand;
}

function connect(options: { silenceMs?: number } = {}) {
  const connection = connectRedis(stand?.url ?? '', { name: 'test', logger, ...options });
  open.push(connection);
  return connection.redis;
}

type Writing = { acknowledged: Map<number, string>; stop(): Promise<void>; failures(): number };

/** One entry after another, as ingest writes them; what was acknowledged is remembered under its number. */
function writeOn(): Writing {
  const redis = connect();
  const acknowledged = new Map<number, string>();
  let failures = 0;
  const writer = new LogWriter({
    channel: 'calls',
    writerId: 'w1',
    append: batch => appendToLog({ redis, keys, channel: 'calls' }, batch),
    onAppended: ({ lastSeq }, { entries }) => {
      for (const [i, entry] of entries.entries()) acknowledged.set(lastSeq - entries.length + 1 + i, entry.body);
    },
    onFailed: () => {
      failures += 1;
    },
  });
  let n = 0;
  const timer = setInterval(() => {
    n += 1;
    const value = JSON.stringify({ n });
    writer.write({
      type: 'call_event',
      at: Date.now(),
      body: value,
      state: [{ of: 'calls', field: 'call', value }],
    });
  }, 5);
  return {
    acknowledged,
    failures: () => failures,
    async stop() {
      clearInterval(timer);
      await writer.flush();
    },
  };
}

/** What a reader sees that follows over everything that happens. */
function follow(): { bodies: Map<number, string>; gaps: string[] } {
  const redis = connect({ silenceMs: 2_500 });
  const controller = new AbortController();
  stopping.add(controller);
  const seen = { bodies: new Map<number, string>(), gaps: [] as string[] };
  const take = (page: LogPage) => {
    if (page.kind === 'reset') return void seen.gaps.push('reset');
    for (const entry of page.entries) {
      if (entry.type === 'gap') seen.gaps.push(entry.body);
      else seen.bodies.set(entry.seq, entry.body);
    }
  };
  void (async () => {
    const after = new Map([['calls', 0] as const]);
    for await (const page of readLog({ redis, keys, after, signal: controller.signal, follow: true })) take(page);
  })();
  return seen;
}

const more = (writing: Writing, count: number) => {
  const target = writing.acknowledged.size + count;
  return waitFor(() => writing.acknowledged.size >= target, { what: `${count} more entries`, timeoutMs: 30_000 });
};

/** What the gaps of a log say is missing. */
function lostIn(log: readonly [id: string, fields: string[]][]): number {
  const gaps = log.filter(([, fields]) => fields[1] === 'gap').map(([, fields]) => JSON.parse(fields[5] ?? ''));
  return gaps.reduce((sum: number, gap: { lost: number }) => sum + gap.lost, 0);
}

/** Before and after the master dies, each entry that was acknowledged is in the log and was seen, or a gap tells of it. */
async function expectFailoverToBeTaken(on: RedisStand): Promise<void> {
  const writing = writeOn();
  const seen = follow();
  await more(writing, 50);
  // Of a replica that has nothing yet the new log could not say how much it lost.
  await on.inStep();
  await on.failOver();
  await more(writing, 50);
  await writing.stop();
  expect(writing.failures()).toBeGreaterThan(0);
  const head = Math.max(...writing.acknowledged.keys());
  await waitFor(() => seen.bodies.has(head), { what: 'the reader at the head', timeoutMs: 20_000 });
  const redis = connect();
  const log = await redis.xrange(keys.log('calls'), '-', '+');
  const bodies = new Map(log.map(([id, fields]) => [Number.parseInt(id, 10), fields[5]]));
  const missing = [...writing.acknowledged].filter(([seq, body]) => bodies.get(seq) !== body);
  expect(missing.length).toBe(lostIn(log));
  expect([...writing.acknowledged].filter(([seq, body]) => seen.bodies.get(seq) !== body)).toEqual([]);
  const numbers = [...seen.bodies.values()].map(body => (JSON.parse(body) as { n: number }).n);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  expect((await readSnapshot(redis, keys)).calls).toEqual({ call: [...seen.bodies.values()].at(-1) });
}

describe('a log in a Cluster', () => {
  it('is asked at the node that has the keys, and all subscribers are counted', async () => {
    const on = await begin(startClusterStand);
    const redis = connect();
    await pingServerOf(redis, keys.calls);
    expect(await infoOfServer(redis, keys.calls, 'server')).toContain(`tcp_port:${await on.masterPort()}`);
    const heard: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const subscriber = connect();
      subscriber.on('message', (_, text) => heard.push(text));
      await subscriber.subscribe(keys.clientQuestions);
    }
    expect(await publishToAll(redis, keys.clientQuestions, 'who?')).toBe(6);
    await waitFor(() => heard.length === 6, { what: 'all six', timeoutMs: 5_000 });
  });

  it('has the lease of ingest beside the log, so that one script sees both', async () => {
    const target = { redis: connect(), keys };
    const ask = (run: string) =>
      askForLease(target, {
        ...{ mode: 'first', run, owner: `of ${run}`, term: null, newTerm: run, stoodStill: null, beat: 1 },
        ...{ leaseMs: 10_000, host: run, pid: 1, since: new Date().toISOString() },
      });
    const append = (run: string) =>
      appendToLog(
        { ...target, channel: 'errors', run },
        { writerId: run, firstWriterSeq: 1, entries: [{ type: 'x', at: 1, body: '{}' }], highestKnownSeq: 0 },
      );
    expect(await ask('one')).toMatchObject({ isGranted: true });
    expect(await ask('two')).toMatchObject({ isGranted: false, holder: { host: 'one' } });
    await append('one');
    expect(isFenced(await append('two').catch((error: unknown) => error))).toBe(true);
    expect(await releaseLease(target, 'one')).toBe(true);
    expect(await ask('two')).toMatchObject({ isGranted: true, before: 'one' });
    await append('two');
  });

  it('takes a failover under a writer: what was acknowledged is there once, in order, and a reader saw it all', async () => {
    if (!stand) throw new Error('the Cluster did not start');
    await expectFailoverToBeTaken(stand);
  });
});
