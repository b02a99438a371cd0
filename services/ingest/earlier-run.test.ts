import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogFiller, type LogFiller } from '../../test/harness/log-filler.ts';
import { createTestRedis } from '../../test/harness/redis.ts';
import { NOBODY } from './call-model/call.ts';
import { readEarlierRun } from './earlier-run.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const LOOK_BACK_MS = 90_000;
const NOW = Date.UTC(2026, 2, 2, 9);

let log: LogFiller;

beforeEach(async () => {
  const { url, pbxId } = await createTestRedis();
  log = createLogFiller({ redisUrl: url, pbxId });
});
afterEach(() => log.stop());

const read = (maxEntries = 20_000) => readEarlierRun(log, { logger }, { lookBackMs: LOOK_BACK_MS, maxEntries });

/** An entry about a call that ended; `data` as if a frame had caused it, or nothing. */
function ended(n: number, at: number, more: { frame?: object; cdr?: object } = {}): NewEntry {
  const call = {
    ...{ callId: `call-${n}`, pbxCallId: n, state: 'ended', legs: [], caller: NOBODY },
    ...(more.cdr ? { cdr: more.cdr } : {}),
  };
  const body = JSON.stringify({ at: new Date(at).toISOString(), event: 'call.ended', data: more.frame ?? null, call });
  return { type: 'call_event', at, body, call: `call-${n}`, event: 'call.ended' };
}

const frames = (count: number, at: (n: number) => number) =>
  Array.from({ length: count }, (_, n) => ended(n, at(n), { frame: { sequence: n } }));

describe('the calls that an earlier process waited for', () => {
  test('are those of the longest wait, however many entries that are, the earliest first', async () => {
    await log.append(frames(1_500, n => NOW - 150_000 + n * 100));
    const { recentCalls } = await read();
    const numbers = recentCalls.map(({ pbxCallId }) => pbxCallId);
    // The last ninety seconds, and what stood on the same page.
    expect(numbers[0]).toBeLessThanOrEqual(600);
    expect(numbers[0]).toBeGreaterThan(300);
    expect(numbers).toEqual(Array.from({ length: 1_500 - (numbers[0] ?? 0) }, (_, i) => i + (numbers[0] ?? 0)));
  });

  test('are each as the last entry tells it', async () => {
    await log.append([
      ended(1, NOW - 50_000, { frame: {} }),
      ...frames(300, n => NOW - 40_000 + n).map(entry => ({ ...entry, call: 'call-0' })),
      ended(1, NOW, { cdr: { callHistoryId: 'x', mainCallHistoryId: null } }),
    ]);
    const { recentCalls } = await read();
    expect(recentCalls.find(({ pbxCallId }) => pbxCallId === 1)?.cdr).toMatchObject({ callHistoryId: 'x' });
  });

  test('are no more than the bound lets it read', async () => {
    await log.append(frames(1_500, n => NOW - 50_000 + n));
    expect((await read(400)).recentCalls).toHaveLength(400);
  });
});

describe('how far the log certainly reaches', () => {
  test('is told by the last frame, however much the records have told since', async () => {
    const lostAt = NOW - 1_000_000;
    const told = Array.from({ length: 1_200 }, (_, n) => ended(n + 10, lostAt + 1_000 + n));
    await log.append([...frames(3, n => lostAt - 2 + n), ...told]);
    expect((await read()).writtenUntil).toBe(lostAt);
  });

  test('is the earliest that was read where the bound was too near', async () => {
    await log.append([ended(0, NOW - 5_000, { frame: {} }), ...frames(0, () => 0)]);
    await log.append(Array.from({ length: 600 }, (_, n) => ended(n + 10, NOW - 4_000 + n)));
    expect((await read(300)).writtenUntil).toBe(NOW - 4_000 + 300);
  });

  test('is unknown of an empty log', async () => {
    expect(await read()).toMatchObject({ isAny: false, writtenUntil: null, recentCalls: [] });
  });
});
