import { expect, test } from 'vitest';
import { waitFor } from '../../test/harness/wait-for.ts';
import { shareReads } from './share-reads.ts';

/** Reads that end when they are told to, in the order in which they began. */
function createReads() {
  const begun: { key: string; end: (value: number) => void; fail: (error: Error) => void }[] = [];
  const read = shareReads(
    (key: string) =>
      new Promise<number>((resolve, reject) => {
        begun.push({ key, end: resolve, fail: reject });
      }),
    { restMs: 20 },
  );
  const began = (count: number) => waitFor(() => begun.length === count, { what: `${count} reads` });
  return { begun, began, read };
}

test('whoever asks while a read is under way gets the next one, which all of them share', async () => {
  const { begun, began, read } = createReads();
  const first = read('calls');
  const late = [read('calls'), read('calls'), read('calls')];
  expect(begun).toHaveLength(1);
  begun[0]?.end(1);
  expect(await first).toBe(1);
  // It rests, and whoever comes meanwhile shares it, too.
  expect(begun).toHaveLength(1);
  late.push(read('calls'));
  await began(2);
  const latest = read('calls');
  begun[1]?.end(2);
  expect(await Promise.all(late)).toEqual([2, 2, 2, 2]);
  await began(3);
  begun[2]?.end(3);
  expect(await latest).toBe(3);
  expect(begun).toHaveLength(3);
});

test('whoever asks when none is under way gets one of his own', async () => {
  const { begun, read } = createReads();
  for (const value of [1, 2]) {
    const asked = read('calls');
    begun.at(-1)?.end(value);
    expect(await asked).toBe(value);
  }
});

test('reads of different keys do not wait for each other', async () => {
  const { begun, read } = createReads();
  const [calls, health] = [read('calls'), read('health')];
  expect(begun.map(({ key }) => key)).toEqual(['calls', 'health']);
  begun[1]?.end(2);
  expect(await health).toBe(2);
  begun[0]?.end(1);
  expect(await calls).toBe(1);
});

test('a read that fails fails for those who share it, and the next is made all the same', async () => {
  const { begun, began, read } = createReads();
  const first = read('calls');
  const late = read('calls');
  begun[0]?.fail(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await began(2);
  begun[1]?.end(2);
  expect(await late).toBe(2);
});
