import { expect, test } from 'vitest';
import { compare, type LoggedEntry } from './ledger.ts';

const T0 = Date.UTC(2026, 0, 1);
const sent = (n: number, delivered = true) => ({ n, at: T0 + n * 1_000, delivered, frame: { sequence: n } });
const frames = (...numbers: number[]) => numbers.map(n => sent(n));
const logged = (n: number): LoggedEntry => ({
  id: `${n}-0`,
  type: 'call_event',
  body: JSON.stringify({ data: { sequence: n } }),
});
const gap = (data: object): LoggedEntry => ({ id: '0-0', type: 'gap', body: JSON.stringify(data) });
const timeOf = (n: number) => new Date(T0 + n * 1_000).toISOString();
const until = (n: number) => gap({ reason: 'pbx_disconnected', at: timeOf(n), to: timeOf(n) });

test('every frame that was delivered must be in the log, in order and once', () => {
  expect(compare(frames(1, 2, 3), [logged(1), logged(3)]).missing).toEqual([2]);
  expect(compare(frames(1, 2, 3), [logged(1)]).missing).toEqual([2, 3]);
  expect(compare(frames(1, 2), [logged(2), logged(1)]).unexpected).toHaveLength(1);
  expect(compare(frames(1), [logged(1), logged(1)]).unexpected).toHaveLength(1);
  expect(compare([sent(1), sent(2, false)], [logged(1)])).toMatchObject({ missing: [], unexpected: [] });
});

test('a gap excuses what was sent before it ended, at its place, and nothing else', () => {
  expect(compare(frames(1, 2, 3, 4), [logged(1), until(3), logged(4)]).missing).toEqual([]);
  expect(compare(frames(1, 2, 3, 4), [logged(1), until(2), logged(4)]).missing).toEqual([3]);
  expect(compare(frames(1, 2, 3), [until(3), logged(1), logged(3)]).missing).toEqual([2]);
  expect(compare(frames(1, 2, 3), [logged(1), until(2)]).missing).toEqual([3]);
});

test('a gap excuses nothing that was sent before it began', () => {
  const between = gap({ reason: 'pbx_disconnected', at: timeOf(3), from: timeOf(2), to: timeOf(3) });
  expect(compare(frames(1, 2, 3, 4), [logged(1), between, logged(4)]).missing).toEqual([]);
  expect(compare(frames(1, 2, 3, 4), [between, logged(4)]).missing).toEqual([1]);
});

test('a gap of the log itself excuses as many as it says, sent before it was written, at its place', () => {
  const rolledBack = (lost: number | null, at = timeOf(4)) => gap({ reason: 'log_rolled_back', at, lost });
  expect(compare(frames(1, 2, 3, 4), [logged(1), rolledBack(2), logged(4)]).missing).toEqual([]);
  expect(compare(frames(1, 2, 3, 4), [logged(1), rolledBack(1), logged(4)]).missing).toEqual([3]);
  expect(compare(frames(1, 2, 3, 4), [logged(1), rolledBack(null), logged(4)]).missing).toEqual([]);
  expect(compare(frames(1, 2, 3, 4), [logged(1), rolledBack(null, timeOf(2)), logged(4)]).missing).toEqual([3]);
  expect(compare(frames(1, 2, 3), [logged(1), logged(2), rolledBack(2)]).missing).toEqual([]);
});
