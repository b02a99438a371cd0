import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { NewEntry } from '../log/entry.ts';
import { ErrorWriter } from './error-writer.ts';

interface Body {
  readonly at: string;
  readonly event: string;
  readonly data: {
    readonly component: string;
    readonly severity: string;
    readonly message: string;
    readonly details: object;
    readonly fingerprint: string;
    readonly service: string;
    readonly suppressed?: number;
  };
}

let now: number;
let hasRoom: boolean;
let entries: NewEntry[];
let writer: ErrorWriter;

const bodies = () => entries.map(entry => JSON.parse(entry.body) as Body);
/** How many calls the entries stand for. */
const counted = () => bodies().reduce((sum, { data }) => sum + 1 + (data.suppressed ?? 0), 0);

beforeEach(() => {
  vi.useFakeTimers();
  now = 1_800_000_000_000;
  hasRoom = true;
  entries = [];
  writer = new ErrorWriter({
    service: 'ingest',
    write: entry => hasRoom && entries.push(entry) > 0,
    now: () => now,
  });
  return () => vi.useRealTimers();
});

async function pass(ms: number): Promise<void> {
  now += ms;
  await vi.advanceTimersByTimeAsync(ms);
}

test('an error is one entry with everything a reader needs', () => {
  writer.logError('websocket', 'warning', 'closed with 1006', { code: 1006 });
  expect(entries[0]).toMatchObject({ type: 'error_event', at: now, event: 'error.warning' });
  expect(bodies()[0]).toEqual({
    at: '2027-01-15T08:00:00.000Z',
    event: 'error.warning',
    data: {
      component: 'websocket',
      severity: 'warning',
      message: 'closed with 1006',
      details: { code: 1006 },
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      service: 'ingest',
    },
  });
});

describe('a storm', () => {
  test('of one error is a few entries that count all of it', async () => {
    for (let n = 0; n < 10_000; n += 1) writer.logError('redis', 'error', `attempt ${n} failed`);
    expect(entries).toHaveLength(100);
    await pass(11_000);
    expect(entries).toHaveLength(101);
    expect(bodies().at(-1)?.data).toMatchObject({ message: 'attempt 9999 failed', suppressed: 9_899 });
    expect(counted()).toBe(10_000);
  });

  test('that goes on is one entry in ten seconds', async () => {
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < 100; n += 1) writer.logError('redis', 'error', `attempt ${n} failed`);
      await pass(1_000);
    }
    expect(entries.length).toBeLessThanOrEqual(106);
    writer.flush();
    expect(counted()).toBe(6_000);
  });

  test('of one error does not hide another one', () => {
    for (let n = 0; n < 1_000; n += 1) writer.logError('redis', 'error', 'away');
    writer.logError('postgres', 'critical', 'away');
    expect(bodies().at(-1)?.data).toMatchObject({ component: 'postgres' });
  });

  test('of ten thousand different errors is bounded and counted', async () => {
    const letters = (n: number) => [...String(n)].map(digit => 'abcdefghij'[Number(digit)]).join('');
    for (let n = 0; n < 10_000; n += 1) writer.logError('redis', 'error', `the word ${letters(n)} is unknown`);
    expect(entries.length).toBeLessThanOrEqual(1_100);
    writer.flush();
    expect(counted()).toBe(10_000);
    expect(bodies().at(-1)?.data.component).toBe('errors');
  });
});

test('what found no room is counted with what does', async () => {
  hasRoom = false;
  for (let n = 0; n < 5; n += 1) writer.logError('redis', 'error', 'away');
  hasRoom = true;
  await pass(1_000);
  expect(bodies().map(({ data }) => data.suppressed)).toEqual([4]);
});

test('nothing that is reported throws, whatever it is', () => {
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
    },
  );
  writer.logError('c', 'error', 'm', hostile);
  Reflect.apply(writer.logError, writer, [
    undefined,
    'dreadful',
    {
      toString: () => {
        throw new Error('no');
      },
    },
  ]);
  Reflect.apply(writer.logError, writer, [null, 'dreadful', 'text']);
  expect(bodies().map(({ data }) => data.severity)).toEqual(['error', 'error']);
});
