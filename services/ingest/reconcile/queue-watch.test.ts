import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallModel, type QueuedCall } from '../call-model/call-model.ts';
import { leg, T0, watched } from '../call-model/test-legs.ts';
import type { ActiveCall } from '../pbx/xapi/active-calls.ts';
import { QueueWatch } from './queue-watch.ts';

const GRACE_MS = 2_000;
const EVERY_MS = 5_000;

let model: CallModel;
let active: Partial<ActiveCall>[] | Error;
let asked: number;
let ended: { callId: string; wasElsewhere: boolean }[];
let watch: QueueWatch;

/** The clock stands still until a test moves it: what is tested is when the PBX is asked and what its answer means. */
beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
  model = new CallModel({ graceMs: GRACE_MS, asksQueues: true });
  active = [];
  asked = 0;
  ended = [];
  watch = new QueueWatch(
    { graceMs: GRACE_MS, everyMs: EVERY_MS },
    {
      queued: () => model.queued(),
      calls: () => model.calls,
      xapi: {
        async getActiveCalls() {
          asked += 1;
          if (active instanceof Error) throw active;
          return active as ActiveCall[];
        },
      },
      lineAnswers: async () => undefined,
      end(queued: QueuedCall, how) {
        if (model.endInQueue(queued, how)) ended.push({ callId: queued.call.callId, ...how });
      },
      logger: createLogger({ name: 'test', level: 'silent' }),
      now: Date.now,
    },
  );
});
afterEach(() => {
  watch.pause();
  vi.useRealTimers();
});

/** 101 rang for +4930123456 in the queue 800, and does not any more. Returns its id. */
function offeredInVain(fields: object = {}): string {
  const offered = { originated_by_dn: '800', originated_by_type: 'Wqueue', party_caller_id: '+4930123456', ...fields };
  const { callId } = model.upsert(leg({ dn: '101', id: 1, ...offered }), watched(Date.now() - T0));
  model.remove({ dn: '101', id: 1 }, watched(Date.now() - T0));
  watch.look();
  return callId ?? '';
}

const waits = { caller: '10007 030123456', callee: '800 - Support', status: 'Talking' };
const talks = { ...waits, callee: '105 Nobody Watched' };

test('a caller whom the PBX shows in the queue waits on, and has left it when it shows him no more', async () => {
  const callId = offeredInVain();
  active = [waits, { ...waits, caller: '10007 +4989111' }];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended).toEqual([]);
  active = [];
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(ended).toEqual([{ callId, wasElsewhere: false }]);
  const before = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(before);
});

test('who has left is told with the grace, by one question', async () => {
  const callId = offeredInVain();
  await vi.advanceTimersByTimeAsync(GRACE_MS - 1);
  expect([asked, ended]).toEqual([0, []]);
  await vi.advanceTimersByTimeAsync(1);
  expect([asked, ended]).toEqual([1, [{ callId, wasElsewhere: false }]]);
});

test('who talks to somebody that we do not see has abandoned nothing', async () => {
  const callId = offeredInVain();
  active = [talks];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended).toEqual([]);
  active = [];
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(ended).toEqual([{ callId, wasElsewhere: true }]);
});

/** Somebody with the number of that caller, who is in another call: the PBX shows it by a row, too. */
function callsToo(fields: object): void {
  model.upsert(leg({ dn: '102', id: 2, callid: 2, ...fields }), watched(Date.now() - T0));
}

describe('another call with the number of the caller', () => {
  const ofQueue = { originated_by_dn: '800', originated_by_type: 'Wqueue' };
  const talksTo102 = { ...talks, callee: '102 Bea' };

  test('that is talked on tells nothing of one who has left the queue', async () => {
    const callId = offeredInVain();
    callsToo({ status: 'Connected', ...ofQueue });
    active = [talksTo102];
    await vi.advanceTimersByTimeAsync(GRACE_MS);
    expect(ended).toEqual([{ callId, wasElsewhere: false }]);
  });

  test('that rings in the same queue is one of two, and the one that is left waits', async () => {
    const callId = offeredInVain();
    callsToo(ofQueue);
    active = [waits, waits];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
    active = [waits];
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(ended).toEqual([{ callId, wasElsewhere: false }]);
  });

  test('has its row by the phone that rings, and the caller who waits his own', async () => {
    offeredInVain();
    callsToo(ofQueue);
    active = [waits, talksTo102];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
  });

  test('that has moved on since the PBX looked makes nobody talk elsewhere', async () => {
    const callId = offeredInVain();
    callsToo({ status: 'Connected', ...ofQueue });
    callsToo({ dn: '103', id: 3, status: 'Connected', referred_by_dn: '102' });
    model.remove({ dn: '102', id: 2 }, watched(Date.now() - T0));
    active = [talksTo102];
    await vi.advanceTimersByTimeAsync(GRACE_MS);
    expect(ended).toEqual([{ callId, wasElsewhere: false }]);
  });

  test('does not hide that he talks to somebody whom we do not see', async () => {
    const callId = offeredInVain();
    callsToo({ status: 'Connected', ...ofQueue });
    active = [talks, talksTo102];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
    active = [talksTo102];
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    expect(ended).toEqual([{ callId, wasElsewhere: true }]);
  });

  test('is his second line, where he calls from inside', async () => {
    const inside = { party_dn: '150', party_dn_type: 'Wextension', party_caller_id: '150' };
    const callId = offeredInVain(inside);
    callsToo({ status: 'Connected', ...inside });
    active = [{ ...talksTo102, caller: '150 Cleo' }];
    await vi.advanceTimersByTimeAsync(GRACE_MS);
    expect(ended).toEqual([{ callId, wasElsewhere: false }]);
  });

  test('of a stranger counts for nothing', async () => {
    offeredInVain();
    callsToo({ party_caller_id: '+4989111', ...ofQueue });
    active = [waits];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([]);
  });
});

test('where nobody can be asked, the call ends with the grace', async () => {
  const callId = offeredInVain();
  active = new Error('XAPI refuses the role');
  await vi.advanceTimersByTimeAsync(GRACE_MS);
  expect(ended).toEqual([{ callId, wasElsewhere: false }]);
});

test('one question that goes wrong does not send away who was seen to wait, and a minute of them does', async () => {
  const callId = offeredInVain();
  active = [waits];
  await vi.advanceTimersByTimeAsync(GRACE_MS);
  active = new Error('503');
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(ended).toEqual([]);
  active = [waits];
  await vi.advanceTimersByTimeAsync(60_000);
  active = new Error('503');
  await vi.advanceTimersByTimeAsync(11 * EVERY_MS);
  expect(ended).toEqual([]);
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(ended).toEqual([{ callId, wasElsewhere: false }]);
});

test('a caller who hides his number is taken for none of those who wait', async () => {
  const callId = offeredInVain({ party_caller_id: 'anonymous' });
  active = [waits, talks];
  await vi.advanceTimersByTimeAsync(GRACE_MS);
  expect(ended).toEqual([{ callId, wasElsewhere: false }]);
});

test('without a connection nobody is asked, and with the next one it goes on', async () => {
  offeredInVain();
  watch.pause();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, ended]).toEqual([0, []]);
  watch.resume();
  await vi.advanceTimersByTimeAsync(GRACE_MS);
  expect(ended).toHaveLength(1);
});
