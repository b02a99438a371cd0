import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { unpackEntries } from '@3cx-relay/shared/log/packed-entries.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestRedis } from '../harness/redis.ts';

let redis: Redis;
let keys: LogKeys;

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  redis = new Redis(url);
  keys = createLogKeys(pbxId);
});

afterEach(async () => {
  await redis.del(keys.log('calls'));
  redis.disconnect();
});

const page = (range: { from: number; to: number; count: number; newestFirst?: boolean; isVerbatim?: boolean }) =>
  readPage({ redis, keys, epochs: [{ epoch: 'abcdefgh', first: 1 }] }, { channel: 'calls', ...range });

const bodyOf = (bytes: number) => JSON.stringify({ at: 'x', pad: 'x'.repeat(bytes) });

test.each([
  { of: 'a few bytes', body: bodyOf(0) },
  { of: 'some more', body: bodyOf(100) },
  { of: '70 kB', body: bodyOf(70_000) },
  { of: '1 MB', body: bodyOf(1_000_000) },
  { of: 'letters beyond ASCII', body: '{"at":"x","name":"Jürgen 東京 🎧"}' },
])('an entry of $of comes as it was written', async ({ body }) => {
  const fields = {
    t: 'call_event',
    at: '1795949404185',
    b: body,
    dn: '101,202',
    call: 'c1',
    ev: 'call.ringing',
    tp: '00-1',
  };
  await redis.xadd(keys.log('calls'), '1-0', ...Object.entries(fields).flat());
  expect(await page({ from: 1, to: 1, count: 1 })).toEqual([
    {
      ...{ channel: 'calls', epoch: 'abcdefgh', seq: 1, type: 'call_event', at: 1_795_949_404_185, body },
      ...{ dn: '101,202', call: 'c1', event: 'call.ringing', trace: '00-1' },
    },
  ]);
});

test('a field that this version does not know is passed over, and one that is missing is null', async () => {
  const known = ['t', 'x', 'at', '5', 'b', '{"at":"x"}'];
  const unknown = ['zz', '1', 'colour', 'red', '\0b', 'no body', '', ''];
  await redis.xadd(keys.log('calls'), '1-0', ...known, ...unknown);
  expect(await page({ from: 1, to: 1, count: 1 })).toEqual([
    {
      channel: 'calls',
      epoch: 'abcdefgh',
      seq: 1,
      type: 'x',
      at: 5,
      body: '{"at":"x"}',
      dn: null,
      call: null,
      event: null,
    },
  ]);
});

test('a page has its entries in order, in either direction, and no more than were asked for', async () => {
  const pipeline = redis.pipeline();
  for (let seq = 1; seq <= 70_000; seq += 1) pipeline.xadd(keys.log('calls'), `${seq}-0`, 't', 'x', 'b', '{"at":"x"}');
  await pipeline.exec();
  const numbers = async (...[range]: Parameters<typeof page>) => (await page(range)).map(({ seq }) => seq);
  expect(await numbers({ from: 3, to: 6, count: 10 })).toEqual([3, 4, 5, 6]);
  expect(await numbers({ from: 3, to: 600, count: 3 })).toEqual([3, 4, 5]);
  expect(await numbers({ from: 3, to: 600, count: 3, newestFirst: true })).toEqual([600, 599, 598]);
  expect(await numbers({ from: 1, to: 70_000, count: 70_000 })).toEqual(
    Array.from({ length: 70_000 }, (_, i) => i + 1),
  );
});

test('a page of nothing is empty', async () => {
  expect(await page({ from: 1, to: 10, count: 10 })).toEqual([]);
  expect(await page({ from: 11, to: 10, count: 10 })).toEqual([]);
});

test('what is not packed as a page is refused, and not taken for an empty one', () => {
  expect(() => unpackEntries(Buffer.from('$-1'))).toThrow(/packed page/);
  expect(() => unpackEntries(Buffer.from([0x91, 0x92, 0xc0]))).toThrow(/packed page/);
});
