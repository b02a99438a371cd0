import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallModel } from '../call-model/call-model.ts';
import { leg } from '../call-model/test-legs.ts';
import { Enricher } from '../frames/enrich.ts';
import { EVENT_REMOVE, EVENT_UPSERT, parseFrame } from '../frames/frame.ts';
import { OrderedWindow } from '../frames/ordered-window.ts';
import { Pipeline } from '../frames/pipeline.ts';
import type { CallControlSnapshot, EntityOutcome } from '../pbx/callcontrol/callcontrol-api.ts';
import { Reconciler } from './reconciler.ts';

const EVERY_MS = 45_000;
const logger = createLogger({ name: 'test', level: 'silent' });

let asked: number;
let told: string[];
let events: string[];
let model: CallModel;
let answer: (signal: AbortSignal) => Promise<CallControlSnapshot>;
let entity: () => EntityOutcome;
let window: OrderedWindow;
let pipeline: Pipeline;
let reconciler: Reconciler;

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  told = [];
  answer = async () => ({ dns: ['101'], participants: [] });
  entity = () => ({ kind: 'gone' });
  events = [];
  model = new CallModel({ graceMs: 2_000 });
  const registry = createMetrics('test');
  const errors = { logError: (_: string, severity: string, message: string) => told.push(`${severity}: ${message}`) };
  window = new OrderedWindow({ registry });
  const enricher = new Enricher({ concurrency: 4, deadlineMs: 200 }, { get: async () => entity(), registry });
  pipeline = new Pipeline(
    { maxFrames: 100, getDeadlineMs: 200, graceMs: 2_000, sameMomentMs: 3_000 },
    {
      ...{ model, window, enricher, errors, registry },
      write: (_, entry) => events.push(entry.event ?? entry.type),
      onUnresolved: () => undefined,
      lineAnswers: async () => undefined,
    },
  );
  const getSnapshot = (signal?: AbortSignal) => {
    asked += 1;
    return answer(signal ?? new AbortController().signal);
  };
  reconciler = new Reconciler(
    { everyMs: EVERY_MS, snapshotDeadlineMs: 5_000, getDeadlineMs: 200 },
    {
      api: { getSnapshot, getParticipant: async () => ({ kind: 'gone' }) },
      ...{ pipeline, enricher, window, logger, errors },
      onSilence: () => undefined,
    },
  );
});

afterEach(() => {
  reconciler.disconnected();
  pipeline.stop();
  vi.useRealTimers();
});

/** What the PBX has answered is applied: the time that frames get to arrive is not on the clock of the tests. */
const applied = () => sleep(400);
const refuse = async () => {
  throw new OperatorError('PBX_RIGHTS_MISSING', 'the PBX forbids call control (403)');
};
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new OperatorError('PBX_TIMEOUT', 'the PBX did not answer in time')));
  });

describe('a PBX that does not show its calls', () => {
  test('is asked ever later, and told of once until it shows them again', async () => {
    answer = refuse;
    reconciler.connected();
    await vi.advanceTimersByTimeAsync(60_000);
    // At 1.2 s each it would be forty.
    expect(asked).toBeLessThan(16);
    expect(asked).toBeGreaterThan(5);
    expect(told).toHaveLength(1);
    answer = async () => ({ dns: ['101'], participants: [] });
    await vi.advanceTimersByTimeAsync(11_000);
    expect([reconciler.error, told.length]).toEqual([null, 2]);
  });

  test('is not asked more often because frames go without their entity meanwhile', async () => {
    answer = refuse;
    reconciler.connected();
    for (let n = 0; n < 600; n += 1) {
      await vi.advanceTimersByTimeAsync(100);
      reconciler.soon();
    }
    expect(asked).toBeLessThan(16);
  });

  test('is told of, too, when it does not answer in time', async () => {
    vi.useRealTimers();
    const slow = new Reconciler(
      { everyMs: EVERY_MS, snapshotDeadlineMs: 20, getDeadlineMs: 10 },
      {
        api: {
          getSnapshot: signal => untilAborted(signal ?? AbortSignal.abort()),
          getParticipant: async () => ({ kind: 'gone' }),
        },
        ...{ pipeline, window, logger },
        enricher: new Enricher(
          { concurrency: 1, deadlineMs: 10 },
          { get: async () => ({ kind: 'gone' as const }), registry: createMetrics('test') },
        ),
        errors: { logError: (_, severity) => told.push(severity) },
        onSilence: () => undefined,
      },
    );
    slow.connected();
    await vi.waitFor(() => expect(told).toEqual(['error']));
    slow.disconnected();
  });

  test('is not blamed for a question that was given up with its connection, and nothing waits for that any more', async () => {
    answer = untilAborted;
    reconciler.connected();
    let isDrained = false;
    pipeline.enqueue(() => undefined);
    void window.drained().then(() => {
      isDrained = true;
    });
    await vi.advanceTimersByTimeAsync(100);
    reconciler.disconnected();
    await vi.advanceTimersByTimeAsync(1);
    expect([isDrained, reconciler.error, told]).toEqual([true, null, []]);
  });
});

test('a line that is lost again before the snapshot ends no call that everybody had left', async () => {
  const seen = { at: Date.now(), isWatched: true };
  model.upsert(leg({ dn: '101', id: 1 }), seen);
  model.remove({ dn: '101', id: 1 }, seen);
  pipeline.stopWatching();
  await vi.advanceTimersByTimeAsync(5_000);
  answer = untilAborted;
  reconciler.connected();
  await vi.advanceTimersByTimeAsync(100);
  reconciler.disconnected();
  await vi.advanceTimersByTimeAsync(5_000);
  expect([events, model.hasCall(1)]).toEqual([[], true]);
});

test('changes that no frame told are told as missed, each time with the same words', async () => {
  vi.useRealTimers();
  const registry = createMetrics('test');
  const quick = new Reconciler(
    { everyMs: 20, snapshotDeadlineMs: 5_000, getDeadlineMs: 10 },
    {
      api: { getSnapshot: () => answer(new AbortController().signal), getParticipant: async () => ({ kind: 'gone' }) },
      ...{ pipeline, window, logger },
      enricher: new Enricher(
        { concurrency: 1, deadlineMs: 10 },
        { get: async () => ({ kind: 'gone' as const }), registry },
      ),
      errors: { logError: (component, severity, message) => told.push(`${component} ${severity}: ${message}`) },
      onSilence: () => undefined,
    },
  );
  quick.connected();
  await vi.waitFor(() => expect(window.size).toBe(0));
  for (const id of [1, 2]) {
    answer = async () => ({ dns: ['101'], participants: [leg({ dn: '101', id })] });
    await vi.waitFor(() => expect(told.length).toBeGreaterThanOrEqual(id), { timeout: 10_000 });
  }
  quick.disconnected();
  expect(told[0]).toMatch(/^websocket warning: the PBX shows changes that no frame told/);
  expect(new Set(told).size).toBe(1);
});

describe('a comparison that the PBX takes long to answer', () => {
  const X = leg({ dn: '101', id: 1 });
  let answers: PromiseWithResolvers<CallControlSnapshot>[];

  /** The comparison after the connect is over, and the next one is on its way. */
  async function askSlowly(known: CallControlSnapshot['participants'] = []): Promise<void> {
    const next = { dns: ['101'], participants: known };
    answer = async () => next;
    reconciler.connected();
    await vi.advanceTimersByTimeAsync(1);
    answers = [];
    answer = () => {
      const asking = Promise.withResolvers<CallControlSnapshot>();
      answers.push(asking);
      return asking.promise;
    };
    reconciler.soon();
    await vi.advanceTimersByTimeAsync(1_300);
    expect(answers).toHaveLength(1);
  }

  function frame(eventType: number): void {
    const event = { event_type: eventType, entity: '/callcontrol/101/participants/1', attached_data: null };
    const parsed = parseFrame(JSON.stringify({ sequence: 1, event }));
    if ('frame' in parsed) pipeline.accept(parsed.frame, Date.now());
  }

  test('is the only one, and what was missed meanwhile is compared by the one after it', async () => {
    await askSlowly();
    for (let n = 0; n < 30; n += 1) {
      reconciler.soon();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(answers).toHaveLength(1);
    answers[0]?.resolve({ dns: ['101'], participants: [] });
    await applied();
    await vi.advanceTimersByTimeAsync(1_200);
    expect(answers).toHaveLength(2);
  });

  test('ends no call that began after the PBX had looked', async () => {
    await askSlowly();
    reconciler.soon();
    await vi.advanceTimersByTimeAsync(1_300);
    entity = () => ({ kind: 'found', participant: X });
    frame(EVENT_UPSERT);
    await vi.advanceTimersByTimeAsync(100);
    for (const asking of answers) asking.resolve({ dns: ['101'], participants: [] });
    await applied();
    answer = async () => ({ dns: ['101'], participants: [X] });
    for (let n = 0; n < 3; n += 1) {
      await vi.advanceTimersByTimeAsync(3_000);
      await applied();
    }
    expect(events).toEqual(['call.started,call.ringing']);
  });

  test('brings back nobody who left after the PBX had looked', async () => {
    await askSlowly([X]);
    reconciler.soon();
    await vi.advanceTimersByTimeAsync(1_300);
    frame(EVENT_REMOVE);
    await vi.advanceTimersByTimeAsync(100);
    for (const asking of answers) asking.resolve({ dns: ['101'], participants: [X] });
    await applied();
    answer = async () => ({ dns: ['101'], participants: [] });
    for (let n = 0; n < 3; n += 1) {
      await vi.advanceTimersByTimeAsync(3_000);
      await applied();
    }
    expect(events).toEqual(['call.started,call.ringing', 'call.updated', 'call.ended']);
  });

  test('holds up none of the next connection', async () => {
    await askSlowly();
    reconciler.connected();
    await vi.advanceTimersByTimeAsync(1);
    expect(answers).toHaveLength(2);
    answers[1]?.resolve({ dns: ['101'], participants: [] });
    await vi.advanceTimersByTimeAsync(1);
    reconciler.soon();
    await vi.advanceTimersByTimeAsync(1_300);
    expect(answers).toHaveLength(3);
  });
});

test('a participant that the PBX forbids is looked for once between two regular times, of a DN that it shows', async () => {
  reconciler.connected();
  await vi.advanceTimersByTimeAsync(1);
  reconciler.refused('102');
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asked).toBe(1);
  for (let n = 0; n < 40; n += 1) {
    reconciler.refused('101');
    await vi.advanceTimersByTimeAsync(1_000);
    if (n === 1) await applied();
  }
  expect(asked).toBe(2);
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  await applied();
  const before = asked;
  reconciler.refused('101');
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asked).toBe(before + 1);
});

test('what was missed while the first snapshot is awaited is compared after it', async () => {
  const first = Promise.withResolvers<CallControlSnapshot>();
  answer = () => first.promise;
  reconciler.connected();
  reconciler.soon();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(asked).toBe(1);
  answer = async () => ({ dns: ['101'], participants: [] });
  first.resolve({ dns: ['101'], participants: [] });
  await vi.advanceTimersByTimeAsync(1_300);
  expect(asked).toBe(2);
});

test('after a reconnect the PBX is compared with from time to time as before', async () => {
  reconciler.connected();
  await vi.advanceTimersByTimeAsync(10_000);
  reconciler.disconnected();
  reconciler.connected();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toBe(2);
  for (let n = 0; n < 2; n += 1) {
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    await applied();
  }
  expect(asked).toBe(4);
});
