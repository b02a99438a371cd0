import { expect, test } from 'vitest';
import type { ErrorEvent } from './error-event.ts';
import { RecentEvents } from './recent-events.ts';

const idOf = (n: number) => `m5k2h7qa_${String(n).padStart(16, '0')}`;
const event = (n: number): ErrorEvent => ({
  kind: 'acknowledgement',
  id: idOf(n),
  at: new Date(n),
  by: '',
  errors: [],
});
const ids = (events: readonly ErrorEvent[]) => events.map(({ id }) => Number(id.slice(-4)));

test('the newest thousand are kept, and it says from where on it is whole', () => {
  const recent = new RecentEvents(1_000);
  for (let n = 1; n <= 5_000; n += 1) recent.add(event(n));
  expect(recent.after(null)).toHaveLength(1_000);
  expect(recent.isWholeAfter(idOf(4_000))).toBe(true);
  expect(recent.isWholeAfter(idOf(3_999))).toBe(false);
  expect(recent.isWholeAfter(null)).toBe(false);
  expect(recent.size).toBeLessThanOrEqual(1_000);
});

test('the order is that of the log, and nothing is taken twice', () => {
  const recent = new RecentEvents(10);
  for (const n of [3, 1, 5, 4, 3, 2, 5]) recent.add(event(n));
  expect(ids(recent.after(null))).toEqual([1, 2, 3, 4, 5]);
  expect(ids(recent.after(idOf(3)))).toEqual([4, 5]);
  expect(recent.isWholeAfter(null)).toBe(true);
});

test('what was asked for stays as it was, whatever comes', () => {
  const recent = new RecentEvents(10);
  recent.add(event(1));
  const before = recent.after(null);
  recent.add(event(2));
  expect(ids(before)).toEqual([1]);
});
