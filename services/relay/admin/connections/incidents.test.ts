import { expect, test } from 'vitest';
import { toIncidents } from './incidents.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const change = (secondsAgo: number, state: string, error: string | null = null, isFirst = false) => ({
  ...{ id: 10_000 - secondsAgo, at: new Date(NOW - secondsAgo * 1_000), state, error, latency: null, isFirst },
});
const of = (...oldestFirst: ReturnType<typeof change>[]) => toIncidents('xapi', oldestFirst.toReversed(), NOW);

test('what is not up until it is up again is one incident with all its causes', () => {
  const [incident, ...others] = of(
    change(900, 'up', null, true),
    change(600, 'degraded', 'slow to answer'),
    change(500, 'down', 'refused'),
    change(300, 'up'),
  );
  expect(others).toEqual([]);
  expect(incident).toMatchObject({
    ...{ state: 'down', error: 'slow to answer', durationMs: 300_000, beganBefore: false },
    causes: [{ error: 'slow to answer' }, { error: 'refused' }],
  });
});

test('up for less than a minute does not end an incident, a minute does', () => {
  const flapping = (upSeconds: number) =>
    of(change(500, 'down'), change(400, 'up'), change(400 - upSeconds, 'down'), change(100, 'up'));
  expect(flapping(59).map(({ durationMs }) => durationMs)).toEqual([400_000]);
  expect(flapping(60).map(({ durationMs }) => durationMs)).toEqual([240_000, 100_000]);
});

test('one that goes on has no end, and lasts until now', () => {
  expect(of(change(60, 'down', 'gone'))).toMatchObject([{ to: null, durationMs: 60_000 }]);
});

test('one that the span begins with had begun before', () => {
  expect(of(change(60, 'down', null, true))).toMatchObject([{ beganBefore: true }]);
});

test('a component that is not configured is no incident, and ends one', () => {
  expect(of(change(60, 'absent', null, true))).toEqual([]);
  expect(of(change(60, 'down'), change(30, 'absent'))).toMatchObject([{ durationMs: 30_000 }]);
});
