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
const until = (n: number) => gap({ reason: 'pbx_disconnected', to: new Date(T0 + n * 1_000).toISOString() });

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

test('a gap of the log itself knows no time, and excuses everything at its place', () => {
  const rolledBack = gap({ reason: 'log_rolled_back', lost: 2 });
  expect(compare(frames(1, 2, 3, 4), [logged(1), rolledBack, logged(4)]).missing).toEqual([]);
});
