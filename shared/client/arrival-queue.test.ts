import { expect, test } from 'vitest';
import { type Arrival, ArrivalQueue } from './arrival-queue.ts';

const arrival = (n: number, bytes = 10): Arrival => ({
  message: { type: 'position', channel: 'calls', id: String(n) },
  bytes,
  session: 1,
});

test('what comes first goes first, through any number of arrivals', () => {
  const queue = new ArrivalQueue({ maxBytes: 1e9, maxMessages: 1e9 });
  const taken: (string | null | undefined)[] = [];
  for (let n = 0; n < 10_000; n += 1) {
    queue.push(arrival(n));
    if (n % 3 === 0) taken.push(queue.take()?.message.id as string);
  }
  for (let next = queue.take(); next; next = queue.take()) taken.push(next.message.id as string);
  expect(taken).toEqual(Array.from({ length: 10_000 }, (_, n) => String(n)));
  expect([queue.size, queue.bytes]).toEqual([0, 0]);
});

test('it is full at either limit, and has room again at a quarter of both', async () => {
  const queue = new ArrivalQueue({ maxBytes: 100, maxMessages: 4 });
  queue.push(arrival(1, 100));
  expect(queue.isFull).toBe(true);
  for (let n = 2; n <= 4; n += 1) queue.push(arrival(n));
  let hasRoom = false;
  const drained = queue.whenDrained().then(() => {
    hasRoom = true;
  });
  queue.take();
  queue.take();
  await Promise.resolve();
  expect([queue.isFull, hasRoom]).toEqual([false, false]);
  queue.take();
  await drained;
  expect(queue.size).toBe(1);
});
