import type { RequestRecord } from '@3cx-relay/shared/log/request-entry.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAnonymousQuota } from './anonymous-quota.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const stranger: RequestRecord = {
  event: 'http.request',
  endpoint: 'unmatched',
  method: 'GET',
  status: 404,
  durationMs: 1,
  keyId: null,
  client: null,
  address: '192.0.2.7',
  transport: 'http',
};

function createQuota(maxPerSecond: number) {
  const written: RequestRecord[] = [];
  const quota = createAnonymousQuota((_, record) => void written.push(record), maxPerSecond);
  const take = (count: number) => {
    for (let i = 0; i < count; i += 1) quota.take(Date.now(), stranger);
  };
  const counted = () => written.reduce((sum, { suppressed = 0 }) => sum + 1 + suppressed, 0);
  return { written, quota, take, counted };
}

test('a flood is written as so many a second, and the numbers add up to all of it', () => {
  const { written, take, counted } = createQuota(5);
  for (let second = 0; second < 10; second += 1) {
    take(1_000);
    vi.advanceTimersByTime(1_000);
  }
  expect(written.length).toBeLessThanOrEqual(51);
  expect(counted()).toBe(10_000);
  expect(written[5]?.suppressed).toBe(994);
});

test('after a flood everything is written again, and no timer is left', () => {
  const { written, take } = createQuota(5);
  take(100);
  vi.advanceTimersByTime(3_000);
  expect(vi.getTimerCount()).toBe(0);
  const before = written.length;
  take(5);
  expect(written.slice(before)).toEqual(Array.from({ length: 5 }, () => stranger));
});

test('what was only counted is written at the end', () => {
  const { written, quota, take, counted } = createQuota(1);
  take(10);
  expect(written).toHaveLength(1);
  quota.stop();
  expect(counted()).toBe(10);
});
