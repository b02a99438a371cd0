import { expect, test } from 'vitest';
import { FrameLog } from './frame-log.ts';

type Page = { frames: Array<Record<string, unknown>>; first: number; last: number; next: number };

const page = (log: FrameLog, after: number, limit: number): Page => JSON.parse(log.pageJson(after, limit));
const sent = { at: 1, deliveredTo: 1, kind: 'frame' } as const;

test('pages read in order, across blocks, give every frame once', () => {
  const log = new FrameLog(1_000_000);
  for (let n = 1; n <= 30_000; n++) log.append(`{"sequence":${n}}`, { ...sent, at: n });
  const read: unknown[] = [];
  for (let after = 0; ; ) {
    const { frames, next, last } = page(log, after, 7000);
    if (frames.length === 0) break;
    expect(last).toBe(30_000);
    read.push(...frames.map(({ frame }) => (frame as { sequence: number }).sequence));
    after = next;
  }
  expect(read).toEqual(Array.from({ length: 30_000 }, (_, index) => index + 1));
});

test('the oldest frames go when the limit is passed and first says from where it is complete', () => {
  const log = new FrameLog(20_000);
  for (let n = 1; n <= 100_000; n++) log.append(`{"sequence":${n}}`, sent);
  const { frames, first, last } = page(log, 0, 50_000);
  expect(last).toBe(100_000);
  expect(first).toBeGreaterThan(50_000);
  expect(last - first + 1).toBeGreaterThanOrEqual(20_000);
  expect(frames[0]?.n).toBe(first);
  expect(frames.length).toBe(last - first + 1);
});

test('text, binary and oversized garbage is shown raw, and undelivered frames say so', () => {
  const log = new FrameLog(100);
  log.append('{"a":1', { at: 5, deliveredTo: 0, kind: 'garbage-text' });
  log.append(Buffer.from([255, 0]), { at: 6, deliveredTo: 1, kind: 'garbage-binary' });
  log.append('x'.repeat(3_000_000), { at: 7, deliveredTo: 1, kind: 'garbage-text' });
  log.append('', { at: 8, deliveredTo: 1, kind: 'garbage-text' });
  const { frames } = page(log, 0, 10);
  expect(frames[0]).toEqual({ n: 1, at: 5, delivered: false, frame: null, raw: '{"a":1' });
  expect(frames[1]).toEqual({ n: 2, at: 6, delivered: true, frame: null, raw: '/wA=', encoding: 'base64' });
  expect(String(frames[2]?.raw).length).toBe(3_000_000);
  expect(frames[3]).toMatchObject({ n: 4, raw: '' });
});

test('a page can speak of one API client only', () => {
  const log = new FrameLog(100);
  for (const deliveredTo of [0, 1, 2, 3]) log.append('{}', { at: 1, deliveredTo, kind: 'frame' });
  const deliveredFor = (mask?: number) => {
    const { frames }: Page = JSON.parse(log.pageJson(0, 10, mask));
    return frames.map(({ delivered }) => delivered);
  };
  expect(deliveredFor()).toEqual([false, true, true, true]);
  expect(deliveredFor(1)).toEqual([false, true, false, true]);
  expect(deliveredFor(2)).toEqual([false, false, true, true]);
});
