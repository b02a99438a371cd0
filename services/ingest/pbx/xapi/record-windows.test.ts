import type { RecordCursor } from '@3cx-relay/shared/jobs/record-page.ts';
import { beforeEach, expect, test } from 'vitest';
import type { ODataRow } from './odata-fields.ts';
import { readSegmentPage, type WindowedRange } from './record-windows.ts';

const T0 = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const iso = (ms: number) => new Date(ms).toISOString();

/** An XAPI whose call log hands over the newest first, whatever it is asked, and cuts times to the second. */
let log: { at: number; id: string }[];
let asked: { fromMs: number; toMs: number }[];
let now: number;
let costMs: number;

beforeEach(() => {
  log = [];
  asked = [];
  now = 0;
  costMs = 0;
});

const reader = {
  async *pages(path: string): AsyncGenerator<readonly ODataRow[]> {
    const [fromMs = 0, toMs = 0] = [...path.matchAll(/period(?:From|To)=([^,]+)/g)].map(([, at]) =>
      Date.parse(at ?? ''),
    );
    asked.push({ fromMs, toMs });
    now += costMs;
    const rows = log.filter(({ at }) => at >= fromMs && at <= toMs).sort((a, b) => b.at - a.at);
    for (let i = 0; i < rows.length; i += 100) {
      yield rows.slice(i, i + 100).map(({ at, id }) => ({ CallHistoryId: id, CdrId: id, StartTime: iso(at) }));
    }
  },
};

async function readAll(range: Partial<WindowedRange> = {}): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: RecordCursor | null = null; ; ) {
    const whole = { fromMs: T0, toMs: T0 + DAY_MS, limit: 1_000, cursor, matches: () => true, ...range };
    const { rows, next } = await readSegmentPage('call-log', { ...whole, cursor }, { reader, now: () => now });
    pages.push(rows.map(({ segment }) => segment.cdrId));
    if (!next) return pages;
    cursor = next;
  }
}

const fill = (count: number, everyMs: number, fromMs = T0) => {
  for (let n = 0; n < count; n += 1) log.push({ at: fromMs + n * everyMs, id: `c${String(n).padStart(6, '0')}` });
};

test('rows come once and in order of their start, in pages of any size', async () => {
  // Several within one millisecond, and over the edges of windows.
  for (let n = 0; n < 60; n += 1) log.push({ at: T0 + Math.floor(n / 4) * 2 * HOUR_MS, id: `c${100 + n}` });
  const inside = log.filter(({ at }) => at <= T0 + DAY_MS).map(({ id }) => id);
  for (const limit of [1, 3, 1_000]) {
    const pages = await readAll({ limit });
    expect(pages.flat()).toEqual(inside);
    expect(pages.every(page => page.length <= limit)).toBe(true);
  }
});

test('a span that holds more than is kept in memory is read in smaller windows', async () => {
  fill(9_000, 1_000);
  const pages = await readAll();
  expect(pages.flat()).toEqual(log.map(({ id }) => id));
  expect(pages.every(page => page.length <= 1_000)).toBe(true);
});

test('a long span that holds little is read in few questions', async () => {
  fill(30, 10 * DAY_MS);
  const pages = await readAll({ toMs: T0 + 365 * DAY_MS });
  expect(pages.flat()).toHaveLength(30);
  expect(asked.length).toBeLessThan(70);
});

test('a page that takes long is handed over as it is, and the next one goes on behind it', async () => {
  fill(5, 5 * DAY_MS);
  costMs = 2_000;
  const pages = await readAll({ toMs: T0 + 60 * DAY_MS });
  expect(pages.length).toBeGreaterThan(2);
  expect(pages.flat()).toEqual(log.map(({ id }) => id));
});

test('what is not wanted is left out and does not count', async () => {
  fill(100, 60_000);
  const matches: WindowedRange['matches'] = ({ cdrId }) => cdrId.endsWith('7');
  expect(await readAll({ limit: 5, matches })).toEqual([
    ['c000007', 'c000017', 'c000027', 'c000037', 'c000047'],
    ['c000057', 'c000067', 'c000077', 'c000087', 'c000097'],
  ]);
});

test('a minute with more than can be put in order is refused, and says what to do', async () => {
  fill(3_000, 1);
  await expect(readAll()).rejects.toMatchObject({
    code: 'PBX_ANSWER_TOO_LARGE',
    message: expect.stringContaining("the PBX's database"),
  });
});
