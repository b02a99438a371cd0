import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRing, type Ring } from '../../services/relay/live/ring.ts';
import { planSubscription, type SubscribeDeps } from '../../services/relay/live/subscribe.ts';
import { readEventPage } from '../../services/relay/public/event-pages.ts';
import type { EventsQuery } from '../../services/relay/public/events-query.ts';
import { createReplay } from '../../services/relay/replay/replay.ts';
import { resolveAfter } from '../../services/relay/replay/resolve.ts';
import { createTieredLog, type TieredLog } from '../../services/relay/replay/tiered-log.ts';
import { type ChannelSourceDeps, createChannelSource } from '../../services/relay/streams/channel-source.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A reader asks, PostgreSQL takes its time, and before it answers the log is lost, begun again, and found to be by the tail. */
const WRITTEN = 50;
const HELD_FROM = 21;

let server: { redisUrl: string; pbxId: string };
let filler: LogFiller;
let ring: Ring;
let log: TieredLog;
let isAsked: boolean;
let answer: (oldest: number | null) => void;

beforeEach(async () => {
  const { url: redisUrl, pbxId } = await createTestRedis();
  server = { redisUrl, pbxId };
  filler = createLogFiller(server);
  const { redis, keys } = filler;
  await filler.fill(WRITTEN);
  await redis.xtrim(keys.log('calls'), 'MINID', HELD_FROM);
  ring = createRing(await readLogInfo(redis, createLogKeys(pbxId), 'calls'), 1_000_000);
  isAsked = false;
  const oldest = () => {
    isAsked = true;
    return new Promise<number | null>(resolve => {
      answer = resolve;
    });
  };
  log = createTieredLog({ redis, keys, cold: { read: async () => [], oldest } }, { maxReads: 4 });
});

afterEach(() => filler.stop());

/** An epoch that sorts behind every other. */
const LATER = 'zzzzzzzz';
const laterPositionOf = (seq: number) => `${LATER}_${String(seq).padStart(16, '0')}`;
const epochNow = () => ring.epochs[0]?.epoch;
const positionOf = (seq: number) => `${epochNow()}_${String(seq).padStart(16, '0')}`;

async function beginAgainOnceAsked(): Promise<void> {
  await waitFor(() => isAsked, { what: 'PostgreSQL to be asked' });
  await beginAgain();
  answer(1);
}

async function beginAgainFirst(channel: Channel): Promise<LogInfo> {
  await beginAgain();
  return log.hotInfo(channel);
}

/** Three entries and, before them, what says that there was another log. */
async function beginAgain(): Promise<void> {
  const { redis, keys } = filler;
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'filler'));
  const forgetful = createLogFiller(server);
  await forgetful.fill(3);
  await forgetful.stop();
  ring.reset(await readLogInfo(redis, keys, 'calls'));
  log.forget('calls');
}

it('a place is looked up anew, so that who goes on there is told of the gap', async () => {
  const resolving = resolveAfter({ log, ring }, 'calls', positionOf(10));
  await beginAgainOnceAsked();
  expect(await resolving).toEqual({ cursor: 0, gap: { lost: null, reason: 'log_reset' }, epoch: epochNow() });
});

it('a page that begins before earlier epochs are told again, and is read behind that, names one log throughout', async () => {
  const { redis, keys } = filler;
  const meta = keys.meta('calls');
  const earlier = await redis.hget(meta, 'epochs');
  await redis.del(meta);
  await filler.fill(3);
  const later = await redis.hget(meta, 'epochs');
  ring = createRing(await readLogInfo(redis, keys, 'calls'), 1_000_000);
  const after = `${earlier?.split(':')[0]}_${String(40).padStart(16, '0')}`;
  /** After the first look at the log. */
  const hotInfo: TieredLog['hotInfo'] = async channel => {
    const info = await log.hotInfo(channel);
    await redis.hset(meta, 'epochs', `${earlier},${later}`);
    return info;
  };
  const replay = createReplay(log, { pageEntries: 10, cacheBytes: 0, onRead: () => undefined });
  const query = { channel: 'calls', order: 'asc', limit: 5, after, scope: null } as EventsQuery;
  const { messages, next } = await readEventPage({ log: { ...log, hotInfo }, replay, ring: () => ring }, query);
  const ids = messages.flatMap(text => (JSON.parse(text) as { id?: string }).id ?? []);
  expect(ids.filter(id => id > after)).toEqual(ids);
  expect(next).toBe(ids.at(-1));
});

it('a page is read anew, with the gap, the entries that there are and a place among them', async () => {
  const replay = createReplay(log, { pageEntries: 10, cacheBytes: 0, onRead: () => undefined });
  const query = { channel: 'calls', order: 'asc', limit: 100, after: positionOf(10), scope: null } as EventsQuery;
  const reading = readEventPage({ log, replay, ring: () => ring }, query);
  await beginAgainOnceAsked();
  const { messages, next, head } = await reading;
  const told = messages.map(text => JSON.parse(text) as { type: string; reason?: string; id?: string });
  expect(told[0]).toMatchObject({ type: 'gap', reason: 'log_reset', after: query.after });
  expect(told.slice(1).map(({ id }) => id)).toEqual([1, 2, 3].map(positionOf));
  expect([next, head].map(position => parsePosition(position ?? '')?.epoch)).toEqual(
    Array(2).fill(ring.epochs[0]?.epoch),
  );
});

it('a durable stream is told that its place is gone when that went after it was found', async () => {
  const replay = createReplay(log, { pageEntries: 10, cacheBytes: 0, onRead: () => undefined });
  const hotInfo = vi.fn(log.hotInfo).mockImplementationOnce(beginAgainFirst);
  const blocks = { log: { ...log, hotInfo }, replay, ring: () => ring };
  const deps = { blocks, onGone: () => undefined } as unknown as ChannelSourceDeps;
  const source = createChannelSource(deps, { channel: 'calls', filter: null });
  const read = await source.read(positionOf(WRITTEN), { maxBytes: 1_000_000, isFresh: true });
  expect(read).toMatchObject({ kind: 'gone', reason: 'log_reset', lost: null, resumeOffset: positionOf(0) });
});

async function loseNewest(count: number, head = WRITTEN): Promise<void> {
  const { redis, keys } = filler;
  await redis.xdel(keys.log('calls'), ...Array.from({ length: count }, (_, index) => `${head - index}-0`));
  await redis.call('XSETID', keys.log('calls'), `${head - count}-0`);
  await redis.hset(keys.meta('calls'), 'seq', head - count);
}

/** What was read up to 30; after the first look at the log a failover takes the newest ten, and an epoch begins behind that. */
function behindAndOvertaken(info: LogInfo): { ring: Ring; hotInfo: TieredLog['hotInfo'] } {
  const { redis, keys } = filler;
  let isOver = false;
  return {
    ring: createRing({ ...info, head: 30 }, 1_000_000),
    async hotInfo(channel) {
      const found = await log.hotInfo(channel);
      if (isOver) return found;
      isOver = true;
      await loseNewest(10);
      const epochs = `${await redis.hget(keys.meta('calls'), 'epochs')},${LATER}:41`;
      for (let seq = 41; seq <= 46; seq += 1)
        await redis.xadd(keys.log('calls'), `${seq}-0`, 't', 'call_event', 'at', '1', 'b', '{"at":""}');
      await redis.hset(keys.meta('calls'), { epochs, seq: 46 });
      return found;
    },
  };
}

it('a page that is asked for from a place which an epoch overtakes meanwhile begins where that one does', async () => {
  const overtaken = behindAndOvertaken(await log.hotInfo('calls'));
  const replay = createReplay(log, { pageEntries: 10, cacheBytes: 0, onRead: () => undefined });
  const query = { channel: 'calls', order: 'asc', limit: 100, after: positionOf(45), scope: null } as EventsQuery;
  const blocks = { log: { ...log, hotInfo: overtaken.hotInfo }, replay, ring: () => overtaken.ring };
  const { messages } = await readEventPage(blocks, query);
  const told = messages.map(text => JSON.parse(text) as { reason?: string; id?: string });
  expect(told[0]).toMatchObject({ type: 'gap', reason: 'log_rolled_back', after: query.after });
  expect(told.slice(1).map(({ id }) => id)).toEqual([41, 42, 43, 44, 45, 46].map(seq => laterPositionOf(seq)));
});

it('and a durable stream is told that it is gone', async () => {
  const overtaken = behindAndOvertaken(await log.hotInfo('calls'));
  const replay = createReplay(log, { pageEntries: 10, cacheBytes: 0, onRead: () => undefined });
  const blocks = { log: { ...log, hotInfo: overtaken.hotInfo }, replay, ring: () => overtaken.ring };
  const deps = { blocks, onGone: () => undefined } as unknown as ChannelSourceDeps;
  const source = createChannelSource(deps, { channel: 'calls', filter: null });
  const reading = source.read(positionOf(45), { maxBytes: 1_000_000, isFresh: true });
  await waitFor(() => isAsked, { what: 'PostgreSQL to be asked for the oldest' });
  answer(1);
  expect(await reading).toMatchObject({ kind: 'gone', reason: 'log_rolled_back', resumeOffset: positionOf(40) });
});

it('whoever has seen what a failover took from Redis is not sent back behind it by a relay that had read it', async () => {
  await loseNewest(10);
  expect(await resolveAfter({ log, ring }, 'calls', positionOf(45))).toEqual({
    cursor: 45,
    gap: null,
    epoch: epochNow(),
  });
  expect(await resolveAfter({ log, ring }, 'calls', positionOf(WRITTEN + 1))).toEqual({
    ...{ cursor: WRITTEN, gap: { lost: null, reason: 'log_rolled_back' }, epoch: epochNow() },
  });
});

it('nor by one whose tail was behind, when it had been asked for it', async () => {
  const info = await log.hotInfo('calls');
  const behind = createRing({ ...info, head: 30 }, 1_000_000);
  await loseNewest(10);
  expect(await resolveAfter({ log, ring: behind }, 'calls', positionOf(45))).toEqual({
    cursor: 45,
    gap: null,
    epoch: epochNow(),
  });
});

it('nor when what Redis knew of the log is forgotten, and what was known of it before is old', async () => {
  const { redis, keys } = filler;
  await log.hotInfo('calls');
  await filler.fill(10);
  await loseNewest(10, WRITTEN + 10);
  await filler.fill(1);
  ring = createRing(await readLogInfo(redis, keys, 'calls'), 1_000_000);
  expect(ring.epochs).toHaveLength(2);
  await redis.del(keys.meta('calls'));
  expect(await resolveAfter({ log, ring }, 'calls', positionOf(WRITTEN + 5))).toEqual({
    ...{ cursor: WRITTEN + 5, gap: null, epoch: epochNow() },
  });
});

it('a snapshot is taken anew, so that its subscription goes on in the log that there is', async () => {
  const hotInfo = vi.fn(log.hotInfo).mockImplementationOnce(beginAgainFirst);
  const { redis, keys } = filler;
  const deps = { redis, keys, ring: () => ring, log: { ...log, hotInfo } } as unknown as SubscribeDeps;
  const plan = await planSubscription(deps, { channel: 'calls', scope: null, snapshot: true });
  expect(plan).toMatchObject({ start: { cursor: 3, gap: null }, snapshot: { id: positionOf(3) } });
});
