import { expect, test } from 'vitest';
import { startExport } from './export.ts';
import type { PageBounds } from './history-kind.ts';

/** Rows 1 to `total`, cursors their numbers, in pages of what a reader likes, some of them empty. */
function reader(total: number, sizes: readonly number[] = [1_000]) {
  const asked: PageBounds[] = [];
  const read = async (bounds: PageBounds) => {
    const size = Math.min(bounds.limit, sizes[asked.length % sizes.length] ?? 0);
    asked.push(bounds);
    const { newestFirst } = bounds;
    const from = newestFirst ? Number(bounds.before ?? total + 1) - 1 : Number(bounds.after ?? 0) + 1;
    const step = newestFirst ? -1 : 1;
    const left = newestFirst ? from : total - from + 1;
    const rows = Array.from({ length: Math.min(size, left) }, (_, i) => from + i * step);
    // An empty page with more behind it: nothing of what was looked at matched.
    const next = rows.length < left ? String(rows.at(-1) ?? from - step) : null;
    return { rows, next };
  };
  return { read, asked };
}

const UP = { after: null, before: null, newestFirst: false };

async function rowsOf(options: { read: ReturnType<typeof reader>['read']; limit?: number; bounds?: typeof UP }) {
  const rows: number[] = [];
  const exported = await startExport({
    read: options.read,
    cursorOf: String,
    bounds: options.bounds ?? UP,
    limit: options.limit ?? null,
  });
  for await (const page of exported.pages()) rows.push(...page);
  return { rows, exported };
}

test.each([
  ['full pages', [1_000]],
  ['short and empty ones', [3, 0, 700, 0, 0, 1]],
])('an export of %s has every row once, in order', async (_, sizes) => {
  const { rows, exported } = await rowsOf({ read: reader(2_345, sizes).read });
  expect(rows).toEqual(Array.from({ length: 2_345 }, (_each, i) => i + 1));
  expect([exported.count, exported.last, exported.next]).toEqual([2_345, '2345', null]);
});

test('a limit ends it, says where to go on, and the part behind it goes on there', async () => {
  const { read } = reader(2_345);
  const first = await rowsOf({ read, limit: 1_500 });
  expect([first.rows.length, first.exported.next]).toEqual([1_500, '1500']);
  const second = await rowsOf({ read, bounds: { ...UP, after: first.exported.next } as never });
  expect(second.rows).toEqual(Array.from({ length: 845 }, (_, i) => 1_501 + i));
});

test('the newest first goes down to the oldest', async () => {
  const { rows } = await rowsOf({ read: reader(1_200).read, bounds: { ...UP, newestFirst: true } });
  expect(rows).toEqual(Array.from({ length: 1_200 }, (_, i) => 1_200 - i));
});

test('a page is read when the one before was taken, and counts only then', async () => {
  const { read, asked } = reader(5_000);
  const exported = await startExport({ read, cursorOf: String, bounds: UP, limit: null });
  expect([asked.length, exported.count]).toEqual([1, 0]);
  const pages = exported.pages();
  await pages.next();
  expect([asked.length, exported.count]).toEqual([1, 0]);
  await pages.next();
  expect([asked.length, exported.count, exported.last]).toEqual([2, 1_000, '1000']);
});
