import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RedisNode, replicasInStep, startNode, stopNodes } from '../harness/redis-node.ts';

/** A machine with a Redis and the ingest that writes to it is gone, and the replica elsewhere did not have everything. */
const keys = createLogKeys('lost-with-redis');
const DATA = { kind: 'data' } as const;

let dir: string;
let nodes: RedisNode[];
let master: Redis;
let replica: Redis;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'relay-pair-'));
  const first = await startNode(dir, ['--repl-diskless-sync-delay', '0'], DATA);
  nodes = [first, await startNode(dir, ['--replicaof', `127.0.0.1 ${first.port}`], DATA)];
  const [one, two] = nodes.map(({ port }) => new Redis({ port, maxRetriesPerRequest: 0, retryStrategy: null }));
  if (!one || !two) throw new Error('two servers were started');
  [master, replica] = [one, two];
  for (const redis of [master, replica]) redis.on('error', () => undefined);
});

afterEach(async () => {
  for (const redis of [master, replica]) redis.disconnect();
  await stopNodes(nodes);
  await rm(dir, { recursive: true, force: true });
});

/** An ingest from its first entry on: it remembers what it wrote, and the next one does not. */
function startWriter(redis: Redis, run: string) {
  let [next, known] = [1, 0];
  return async (...types: string[]) => {
    const at = Date.now();
    const entries = types.map((type): NewEntry => ({ type, at, body: '{"at":""}' }));
    const batch = { writerId: run, firstWriterSeq: next, entries, highestKnownSeq: known };
    const appended = await appendToLog({ redis, keys, channel: 'calls', run }, batch);
    next += entries.length;
    known = appended.lastSeq;
    return appended;
  };
}

const infoOf = (redis: Redis) => readLogInfo(redis, keys, 'calls');

async function promote(): Promise<void> {
  await nodes[0]?.kill();
  await replica.replicaof('NO', 'ONE');
}

test('numbers that only the dead had are of another epoch when they are given out again', async () => {
  const writer = startWriter(master, 'first');
  await writer('call_event', 'call_event', 'call_event');
  await replicasInStep(nodes[0]?.port ?? 0, 1);
  await replica.config('SET', 'masterauth', 'wrong');
  await replica.call('CLIENT', 'KILL', 'TYPE', 'MASTER');
  const { epoch } = await writer('call_event', 'call_event');
  await promote();

  const began = await startWriter(replica, 'second')('gap', 'call_event', 'call_event', 'call_event');
  expect(began).toMatchObject({ beganEpoch: true, lastSeq: 7 });
  const info = await infoOf(replica);
  expect(info.epochs).toEqual([
    { epoch, first: 1 },
    { epoch: began.epoch, first: 4 },
  ]);
  const types = (await replica.xrange(keys.log('calls'), '-', '+')).map(([, fields]) => fields[1]);
  expect(types).toEqual(['call_event', 'call_event', 'call_event', 'gap', 'call_event', 'call_event', 'call_event']);
  const rolledBack = { cursor: 3, gap: { lost: null, reason: 'log_rolled_back' } };
  expect(resolvePosition({ epoch, seq: 5 }, info)).toEqual(rolledBack);
  expect(resolvePosition({ epoch, seq: 3 }, info)).toEqual({ cursor: 3, gap: null });
});

test('once a run knows the promoted server, the next one goes on where it ended', async () => {
  await startWriter(master, 'first')('call_event');
  await replicasInStep(nodes[0]?.port ?? 0, 1);
  await promote();
  await startWriter(replica, 'second')('gap', 'call_event');
  const { epochs } = await infoOf(replica);
  expect(epochs).toHaveLength(2);
  expect(await startWriter(replica, 'third')('gap')).toMatchObject({ beganEpoch: false, lastSeq: 4 });
  expect((await infoOf(replica)).epochs).toEqual(epochs);
});

test('a Redis that was only started again has everything: the next run goes on in the same epoch', async () => {
  await startWriter(master, 'first')('call_event', 'call_event');
  const before = await infoOf(master);
  await nodes[0]?.kill();
  await nodes[0]?.start([]);
  master.disconnect();
  master = new Redis({ port: nodes[0]?.port ?? 0 });
  expect(await startWriter(master, 'second')('gap')).toMatchObject({ beganEpoch: false, lastSeq: 3 });
  expect((await infoOf(master)).epochs).toEqual(before.epochs);
});

test('a run that lives through the failover goes on without an epoch when nothing was lost', async () => {
  const first = startWriter(master, 'first');
  await first('call_event', 'call_event');
  await replicasInStep(nodes[0]?.port ?? 0, 1);
  await promote();
  const at = Date.now();
  const batch = { writerId: 'first', firstWriterSeq: 3, entries: [{ type: 'gap', at, body: '{"at":""}' }] };
  const target = { redis: replica, keys, channel: 'calls' as const, run: 'first' };
  expect(await appendToLog(target, { ...batch, highestKnownSeq: 2 })).toMatchObject({ beganEpoch: false, lastSeq: 3 });
});
