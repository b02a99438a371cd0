import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Burst } from './burst.ts';
import { CallEngine } from './call-engine.ts';
import { CallPlanner } from './call-plans.ts';
import { createManualClock } from './clock.ts';
import { createDirectory } from './directory.ts';
import { createRandom } from './random.ts';
import { Switchboard } from './switchboard.ts';

function createBurst(seed: number, extensions: number) {
  const clock = createManualClock();
  const frames: Array<{ atMs: number; type: number; entity: string; isPresent: boolean }> = [];
  const board: Switchboard = new Switchboard((type, entity) => {
    const [, , dn = '', , id] = entity.split('/');
    frames.push({ atMs: clock.monotonicMs(), type, entity, isPresent: board.find(dn, Number(id)) !== undefined });
  });
  const segments: unknown[] = [];
  const directory = createDirectory(createRandom(seed, 'directory'), extensions);
  const engine = new CallEngine({
    board,
    directory,
    clock,
    random: createRandom(seed, 'calls'),
    onSegment: segment => segments.push(segment),
  });
  const planner = new CallPlanner({ directory, board, random: createRandom(seed, 'plans'), routePoint: 'relay' }, 1);
  const burst = new Burst({
    engine,
    planner,
    board,
    clock,
    random: createRandom(seed, 'burst'),
    anyDn: '100',
    eventCount: () => frames.length,
    batch: send => send(),
  });
  return { board, burst, clock, directory, engine, frames, segments };
}

test('a burst of any size sends exactly that many frames and leaves nobody on the phone', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer(),
      fc.integer({ min: 2, max: 40 }),
      (events, seed, size) => {
        const { board, burst, clock, directory, engine, frames } = createBurst(seed, size);
        burst.start({ events, perSecond: 10_000, cdr: false });
        clock.advance(10_000);
        expect(burst.state).toEqual({ running: false, sent: events, events });
        expect(frames).toHaveLength(events);
        expect(directory.dns.filter(dn => board.isBusy(dn))).toEqual([]);
        expect(engine.active()).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});

test('the participants of a burst exist while they are announced and every one is removed once', () => {
  const { burst, clock, engine, frames } = createBurst(5, 30);
  burst.start({ events: 5000, perSecond: 20_000, cdr: false });
  clock.advance(1000);
  const upserts = frames.filter(({ type }) => type === 0);
  const removes = frames.filter(({ type }) => type === 1);
  expect(upserts.filter(({ isPresent }) => !isPresent).length).toBeLessThanOrEqual(1);
  expect(removes.filter(({ isPresent }) => isPresent)).toEqual([]);
  expect(new Set(removes.map(({ entity }) => entity)).size).toBe(removes.length);
  expect(new Set(upserts.map(({ entity }) => entity)).size).toBe(removes.length);
  const { answered, missed } = engine.ledger.totals.byScenario.inbound;
  expect(answered).toBeGreaterThan(100);
  expect(answered).toBeGreaterThan(missed);
});

test('a burst hands out detail records only when asked', () => {
  for (const cdr of [false, true]) {
    const { burst, clock, engine, segments } = createBurst(5, 30);
    burst.start({ events: 2000, perSecond: 20_000, cdr });
    clock.advance(1000);
    expect(segments.length > 100).toBe(cdr);
    expect(engine.ledger.page(0, 1).calls[0]?.callHistoryId === null).toBe(!cdr);
  }
});

test('a burst is paced evenly in ticks of 10 ms', () => {
  const { burst, clock, frames } = createBurst(5, 30);
  burst.start({ events: 4000, perSecond: 2000, cdr: false });
  clock.advance(1000);
  expect(frames).toHaveLength(2000);
  const perTick = Map.groupBy(frames, ({ atMs }) => atMs);
  expect(perTick.size).toBe(100);
  expect([...perTick.values()].every(({ length }) => length === 20)).toBe(true);
});
