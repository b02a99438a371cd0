import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ActiveCall } from '../pbx/xapi/active-calls.ts';
import { SilenceWatch } from './silence-watch.ts';

const PBX_CLOCK_AHEAD_MS = 7_200_000;

let now: number;
let openSince: number | null;
let frameAt: number | null;
let calls: ActiveCall[];
let failure: Error | null;
let asked: number;
let reconnects: string[];
let told: string[];
let onAsk: () => void;
let watch: SilenceWatch;

const call = (changedAgoMs: number, fields: Partial<ActiveCall> = {}): ActiveCall => ({
  ...{ id: 1, caller: '10007 +4930', callee: '101 Ada Lovelace', status: 'Talking', establishedAt: null },
  lastChangeAt: now + PBX_CLOCK_AHEAD_MS - changedAgoMs,
  serverNow: now + PBX_CLOCK_AHEAD_MS,
  ...fields,
});

beforeEach(() => {
  now = 1_000_000;
  openSince = now - 100_000;
  frameAt = now - 20_000;
  calls = [];
  failure = null;
  asked = 0;
  reconnects = [];
  told = [];
  onAsk = () => undefined;
  watch = new SilenceWatch(
    { silenceMs: 15_000 },
    {
      socket: {
        get state() {
          return openSince === null ? ('down' as const) : ('connected' as const);
        },
        get openSince() {
          return openSince;
        },
        reconnect: why => reconnects.push(why),
      },
      xapi: {
        circuit: 'closed',
        async getActiveCalls() {
          asked += 1;
          onAsk();
          if (failure) throw failure;
          return calls;
        },
      },
      lastFrameAt: () => frameAt,
      logger: createLogger({ name: 'test', level: 'silent' }),
      errors: { logError: (component, severity, message) => told.push(`${component} ${severity}: ${message}`) },
      now: () => now,
    },
  );
  watch.monitors(['101', '102']);
});
afterEach(() => watch.stop());

describe('a silent socket', () => {
  test('is given up when a call of ours changed after its last frame', async () => {
    calls = [call(10_000)];
    await watch.look();
    expect(reconnects).toEqual(['open but silent for 20 s while calls change']);
    expect(told).toEqual([expect.stringMatching(/^websocket warning: the PBX shows changes that no frame told/)]);
  });

  test.each([
    ['the change is older than the last frame', () => call(30_000)],
    ['the change came with the last frame', () => call(18_500)],
    ['the change is so new that its frame may be under way', () => call(1_000)],
    ['the call is of others', () => call(10_000, { callee: '800 - Queue 1' })],
    ['a DN only begins like ours', () => call(10_000, { callee: '1011 Bob' })],
    ['the PBX does not tell when', () => call(10_000, { lastChangeAt: null })],
  ])('is kept when %s', async (_, make) => {
    calls = [make()];
    await watch.look();
    expect([asked, reconnects.length]).toEqual([1, 0]);
    expect(told).toEqual([]);
  });

  test('is kept when a frame comes while XAPI is asked', async () => {
    calls = [call(10_000)];
    onAsk = () => {
      frameAt = now;
    };
    await watch.look();
    expect(reconnects).toEqual([]);
  });

  test('is compared once in each span of silence', async () => {
    await watch.look();
    await watch.look();
    expect(asked).toBe(1);
    now += 15_000;
    await watch.look();
    expect(asked).toBe(2);
  });

  test('that a new connection does not cure is given up less and less often, until a frame comes', async () => {
    const minutes: number[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      const before = reconnects.length;
      calls = [call(10_000)];
      await watch.look();
      if (reconnects.length > before) {
        minutes.push(minute);
        openSince = now;
      }
      now += 60_000;
    }
    expect(minutes).toEqual([0, 1, 3, 7, 15]);
    frameAt = now - 20_000;
    calls = [call(10_000)];
    await watch.look();
    expect(reconnects).toHaveLength(6);
  });
});

describe('nobody is asked', () => {
  test('while frames come, without a socket, and before it is known which DNs are ours', async () => {
    frameAt = now - 14_000;
    await watch.look();
    frameAt = null;
    openSince = now - 5_000;
    await watch.look();
    openSince = null;
    await watch.look();
    openSince = now - 100_000;
    watch.monitors([]);
    await watch.look();
    expect(asked).toBe(0);
  });

  test('for ten minutes after XAPI has forbidden the question', async () => {
    failure = new OperatorError('PBX_ROLE_TOO_SMALL', 'too small');
    for (let i = 0; i < 39; i += 1) {
      await watch.look();
      now += 15_000;
    }
    expect(asked).toBe(1);
    now += 15_000;
    await watch.look();
    expect(asked).toBe(2);
  });
});
