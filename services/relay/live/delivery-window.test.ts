import { expect, test } from 'vitest';
import { createDeliveryWindow } from './delivery-window.ts';

const START = Date.parse('2026-03-02T12:00:00Z');

test('nothing that came is no latency, and a rate of zero', () => {
  const window = createDeliveryWindow(() => START);
  expect(window.latency()).toEqual({ p50Ms: null, p99Ms: null, samples: 0 });
  expect(window.rates().calls).toBe(0);
});

test('half of the entries took at most the median, and all but one in a hundred the 99th percentile', () => {
  const window = createDeliveryWindow(() => START);
  window.delivered(
    'calls',
    Array.from({ length: 100 }, (_, ms) => ({ at: START - ms })),
  );
  const { p50Ms, p99Ms, samples } = window.latency();
  expect([p50Ms, samples]).toEqual([49, 100]);
  expect(p99Ms).toBeGreaterThanOrEqual(98);
  expect(p99Ms).toBeLessThan(98 * 1.1 + 1);
});

test('rates are of the last ten whole seconds, and latency of the last minute', () => {
  let now = START;
  const window = createDeliveryWindow(() => now);
  window.delivered(
    'calls',
    Array.from({ length: 50 }, () => ({ at: START })),
  );
  window.delivered('errors', [{ at: START }]);
  expect(window.rates().calls).toBe(0);
  now = START + 10_000;
  expect(window.rates()).toMatchObject({ calls: 5, errors: 0.1, health: 0 });
  now = START + 11_000;
  expect([window.rates().calls, window.latency().samples]).toEqual([0, 51]);
  now = START + 60_000;
  expect(window.latency().samples).toBe(0);
});

test('an entry of the future, or one that waited for an hour, is counted all the same', () => {
  const window = createDeliveryWindow(() => START);
  window.delivered('calls', [{ at: START + 5_000 }, { at: START - 3_600_000 }, { at: Number.NaN }]);
  expect(window.latency()).toMatchObject({ samples: 3, p50Ms: 0 });
});
