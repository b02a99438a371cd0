import { expect, test } from 'vitest';
import { planOf } from './restore-log.ts';

/** Which part of an export is put back, beside a dump that was made after it. */
const exported = { epochs: 'aaaaaaaa:1,bbbbbbbb:10', head: 20, entries: 8 };
const until = (
  seq: number,
  epochs = [
    { epoch: 'aaaaaaaa', first: 1 },
    { epoch: 'bbbbbbbb', first: 10 },
  ],
) => ({ epochs, seq });

test('what the dump has of the export is not put back a second time', () => {
  expect(planOf(exported, until(15))).toEqual({ epochs: exported.epochs, head: 20, after: 15 });
});

test('numbers go on behind the dump where it is ahead of the export', () => {
  expect(planOf(exported, until(25))).toMatchObject({ head: 25, after: 25 });
});

test('a dump of an epoch that the export does not know stands alone', () => {
  const newer = until(30, [
    { epoch: 'bbbbbbbb', first: 10 },
    { epoch: 'cccccccc', first: 22 },
  ]);
  expect(planOf(exported, newer)).toEqual({ epochs: 'bbbbbbbb:10,cccccccc:22', head: 30, after: 30 });
});

test('of a dump that ends in an earlier epoch everything behind it is put back', () => {
  expect(planOf(exported, until(7, [{ epoch: 'aaaaaaaa', first: 1 }]))).toMatchObject({ head: 20, after: 7 });
});

test('a channel of which there is nothing, or nothing in PostgreSQL', () => {
  expect(planOf(undefined, undefined)).toBeNull();
  expect(planOf(exported, undefined)).toMatchObject({ head: 20, after: 0 });
});
