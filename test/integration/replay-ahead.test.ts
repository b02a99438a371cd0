import { setTimeout as sleep } from 'node:timers/promises';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRing, type Ring } from '../../services/relay/live/ring.ts';
import type { ColdLog } from '../../services/relay/replay/cold-log.ts';
import { createReplay, type Replay } from '../../services/relay/replay/replay.ts';
import { createTieredLog } from '../../services/relay/replay/tiered-log.ts';
import { createLogFiller, type LogFiller } from '../harness/log-filler.ts';
import { createTestRedis, type TestRedis } from '../harness/redis.ts';
import { waitFor } from '../harness/wait-for.ts';

const PAGE = 10;
/** Nothing of this log was ever trimmed: nobody asks for what is older. */
const cold: ColdLog = { read: async () => [], oldest: async () => null };

let server: { redisUrl: string; pbxId: TestRedis['pbxId'] };
let filler: LogFiller;
let ring: Ring;
let entriesRead: number;

beforeEach(async () => {
  const { url: redisUrl, pbxId } = await createTestRedis();
  server = { redisUrl, pbxId };
  filler = createLogFiller(server);
  await filler.fill(5 * PAGE);
  ring = createRing(await readLogInfo(filler.redis, createLogKeys(pbxId), 'calls'), 1_000_000);
  entriesRead = 0;
});

afterEach(() => filler.stop());

function replayWith(cacheBytes: number): Replay {
  const log = createTieredLog({ redis: filler.redis, keys: filler.keys, cold }, { maxReads: 4 });
  return createReplay(log, {
    pageEntries: PAGE,
    cacheBytes,
    onRead(_, entries) {
      entriesRead += entries;
    },
  });
}

it('the two pages behind the one that is taken are read, no further, and are there for whoever comes for them', async () => {
  const replay = replayWith(1_000_000);
  const first = await replay.blockAfter('calls', ring, 0);
  expect(first?.last).toBe(PAGE);
  await waitFor(() => entriesRead === 3 * PAGE, { what: 'the second and the third page to be read' });
  const second = replay.blockAfter('calls', ring, PAGE);
  expect(second).not.toBeInstanceOf(Promise);
  expect((await second)?.last).toBe(2 * PAGE);
  await waitFor(() => entriesRead === 4 * PAGE, { what: 'the fourth page to be read' });
});

it('every entry is read once by one who walks the whole log', async () => {
  const replay = replayWith(1_000_000);
  for (let cursor = 0; cursor < 5 * PAGE; ) cursor = (await replay.blockAfter('calls', ring, cursor))?.last ?? 0;
  expect(entriesRead).toBe(5 * PAGE);
});

it('nothing is read ahead that would take the place of what is kept', async () => {
  const page = await replayWith(0).blockAfter('calls', ring, 0);
  entriesRead = 0;
  const replay = replayWith((page?.bytes ?? 0) * 1.5);
  await replay.blockAfter('calls', ring, 0);
  // Each is answered after what was asked before, over the same connection.
  for (let question = 0; question < 5; question += 1) await filler.redis.ping();
  expect(entriesRead).toBe(PAGE);
});

it('what Redis has since the log was begun again is no page of the one that is gone, and nobody reads on before he is told', async () => {
  const { redis, keys } = filler;
  const replay = replayWith(1_000_000);
  await redis.del(keys.log('calls'), keys.meta('calls'), keys.writer('calls', 'filler'));
  const forgetful = createLogFiller(server);
  await forgetful.fill(PAGE);
  await forgetful.stop();
  let isAnswered = false;
  const reading = Promise.resolve(replay.blockAfter('calls', ring, 0)).finally(() => {
    isAnswered = true;
  });
  await sleep(200);
  expect(isAnswered).toBe(false);
  replay.forget('calls');
  expect(await reading).toBeNull();
});
