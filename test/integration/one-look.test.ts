import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo, readLogInfos } from '@3cx-relay/shared/log/log-info.ts';
import { readSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';
import { startTcpProxy, type TcpProxy } from './fixtures/tcp-proxy.ts';

/** What belongs together is read in one moment, however slowly the question arrives and whatever is written meanwhile. */
let redis: Redis;
let looker: Redis;
let way: TcpProxy;
let keys: LogKeys;
let isOver: boolean;
let writing: Promise<void>;

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  keys = createLogKeys(pbxId);
  redis = new Redis(url);
  way = await startTcpProxy(url);
  looker = new Redis(way.url);
  await looker.ping();
  // The commands of one question arrive one after the other.
  way.hamper({ bytesPerSecond: 1_000 });
  isOver = false;
  await write(1);
  writing = (async () => {
    for (let seq = 2; !isOver; seq += 1) await write(seq);
  })();
});

afterEach(async () => {
  isOver = true;
  await writing;
  looker.disconnect();
  redis.disconnect();
  await way.stop();
});

/** One entry, and all before it go; the call tells the entry's number. */
async function write(seq: number): Promise<void> {
  const state = [{ of: 'calls' as const, field: 'c', value: String(seq) }];
  const batch = { writerId: 'w', firstWriterSeq: seq, highestKnownSeq: seq - 1 };
  const entries = [{ type: 'call_event', at: 1, body: '{}', state }];
  await appendToLog({ redis, keys, channel: 'calls' }, { ...batch, entries });
  await redis.xtrim(keys.log('calls'), 'MINID', seq);
}

test('the end and the beginning of a channel are of one moment', async () => {
  const one = await readLogInfo(looker, keys, 'calls');
  const [several] = await readLogInfos(looker, keys, ['calls', 'health']);
  for (const info of [one, several]) expect([info?.oldest, (info?.oldest ?? 0) + 1]).toContain(info?.head);
});

test('a snapshot has the calls of the position that it names', async () => {
  const { seq, calls } = await readSnapshot(looker, keys);
  expect(calls).toEqual({ c: String(seq) });
});
