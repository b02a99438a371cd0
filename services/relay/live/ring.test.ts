import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { expect, test } from 'vitest';
import { createRing } from './ring.ts';

const older = { epoch: 'aaaaaaaa', first: 1 };
const begun = { epoch: 'bbbbbbbb', first: 28 };
const next = { epoch: 'cccccccc', first: 41 };

test('a ring that was told of a forgotten epoch knows it still when entries come from who does not', () => {
  const ring = createRing({ channel: 'calls', epochs: [begun], head: 40, oldest: 28 }, 1024);
  ring.learn([older, begun]);
  ring.append([entry(41, next.epoch)], [begun, next]);
  expect(ring.epochs).toEqual([older, begun, next]);
});

test('a ring learns of a forgotten epoch from who does not know the newest yet', () => {
  const ring = createRing({ channel: 'calls', epochs: [begun, next], head: 41, oldest: 28 }, 1024);
  ring.learn([older, begun]);
  expect(ring.epochs).toEqual([older, begun, next]);
});

test('a ring whose log was begun again knows nothing of the epochs before', () => {
  const ring = createRing({ channel: 'calls', epochs: [older, begun], head: 40, oldest: 1 }, 1024);
  ring.reset({ channel: 'calls', epochs: [next], head: 0, oldest: 1 });
  ring.append([entry(1, next.epoch)], [next]);
  expect(ring.epochs).toEqual([next]);
});

test('a ring that reads on behind a hole holds nothing of what was before it', () => {
  const ring = createRing({ channel: 'calls', epochs: [older], head: 0, oldest: 1 }, 1024);
  ring.append([entry(1, older.epoch), entry(2, older.epoch)], [older]);
  const block = ring.append([entry(6, older.epoch)], [older]);
  expect([block.after, block.last, ring.after, ring.head]).toEqual([5, 6, 5, 6]);
  expect(ring.blockAfter(2)).toBeNull();
  expect(ring.blockAfter(5)).toBe(block);
});

function entry(seq: number, epoch: string): LogEntry {
  return {
    channel: 'calls',
    epoch,
    seq,
    ...{ type: 'call_event', at: 0, dn: null, call: null, event: null },
    body: '{"at":"2026-01-01T00:00:00.000Z"}',
  };
}
