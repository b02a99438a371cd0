import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OrderedWindow, type WindowItem } from './ordered-window.ts';

function itemOf(name: number, emitted: number[], dueAt: number | null = null): WindowItem {
  const item: WindowItem = {
    bytes: 10,
    dueAt,
    isReady: false,
    expire() {
      item.isReady = true;
    },
    emit: () => emitted.push(name),
  };
  return item;
}

test('items leave in the order in which they came, whichever is ready first', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(40).keys()], { minLength: 40 }), order => {
      const emitted: number[] = [];
      const window = new OrderedWindow({ registry: createMetrics('test') });
      const items = order.map((_, name) => itemOf(name, emitted));
      for (const item of items) window.push(item);
      for (const index of order) {
        const item = items[index];
        if (item) item.isReady = true;
        window.pump();
      }
      expect(emitted).toEqual([...Array(40).keys()]);
      expect([window.size, window.bytes]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});

test('an item that is never ready leaves when its time is up, and those behind it follow', async () => {
  const emitted: number[] = [];
  const window = new OrderedWindow({ registry: createMetrics('test') });
  window.push(itemOf(1, emitted, performance.now() + 50));
  const behind = itemOf(2, emitted);
  behind.isReady = true;
  window.push(behind);
  expect(emitted).toEqual([]);
  await window.drained();
  expect(emitted).toEqual([1, 2]);
});

test('what a snapshot held up gets its time from then on', async () => {
  const emitted: number[] = [];
  const window = new OrderedWindow({ registry: createMetrics('test') });
  const startedAt = performance.now();
  window.push(itemOf(1, emitted, startedAt + 10));
  window.postponeUntil(startedAt + 100);
  await window.drained();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
});

test('a long row that is ready leaves whole, and pushing from inside keeps the order', async () => {
  const emitted: number[] = [];
  const window = new OrderedWindow({ registry: createMetrics('test') });
  const first = itemOf(0, emitted);
  window.push(first);
  for (let name = 1; name <= 10_000; name += 1) {
    const item = itemOf(name, emitted);
    item.isReady = true;
    window.push(item);
  }
  first.isReady = true;
  window.pump();
  await window.drained();
  expect(emitted).toEqual([...Array(10_001).keys()]);
});
