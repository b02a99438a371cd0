import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ErrorEvent } from './error-event.ts';
import { type ErrorGroup, foldErrors } from './error-groups.ts';

const idOf = (n: number) => `m5k2h7qa_${String(n).padStart(16, '0')}`;

function happened(n: number, fingerprint: string, suppressed = 0): ErrorEvent {
  const what = { component: 'c', severity: 'error', message: `${n}`, details: {}, service: 's' } as const;
  return { kind: 'occurrence', id: idOf(n), at: new Date(n), fingerprint, suppressed, ...what };
}

function acknowledged(n: number, fingerprint: string, named: number): ErrorEvent {
  const errors = [{ id: idOf(named), fingerprint }];
  return { kind: 'acknowledgement', id: idOf(n), at: new Date(n), by: 'ada', errors };
}

const shape = (groups: readonly ErrorGroup[]) => groups.map(group => [group.id, group.count, group.acknowledged]);

test('occurrences of one fingerprint are one group that counts them', () => {
  const groups = foldErrors([], [happened(1, 'a', 4), happened(2, 'b'), happened(3, 'a')]);
  expect(shape(groups)).toEqual([
    [idOf(1), 6, false],
    [idOf(2), 1, false],
  ]);
  expect(groups[0]).toMatchObject({ lastId: idOf(3), firstSeen: new Date(1), timestamp: new Date(3), message: '3' });
});

test('what happens after an acknowledgement opens a new group', () => {
  const groups = foldErrors([], [happened(1, 'a'), acknowledged(2, 'a', 1), happened(3, 'a')]);
  expect(shape(groups)).toEqual([
    [idOf(1), 1, true],
    [idOf(3), 1, false],
  ]);
  expect(groups[0]).toMatchObject({ acknowledgedBy: 'ada', acknowledgedAt: new Date(2) });
});

test('an acknowledgement names a group by any of its occurrences, and never a later group', () => {
  const events = [
    happened(1, 'a'),
    happened(2, 'a'),
    acknowledged(3, 'a', 2),
    happened(4, 'a'),
    acknowledged(5, 'a', 1),
  ];
  expect(shape(foldErrors([], events))).toEqual([
    [idOf(1), 2, true],
    [idOf(4), 1, false],
  ]);
});

test('an entry that had to wait for the log does not make a group younger or older than it is', () => {
  const late = { ...happened(9, 'a'), at: new Date(5) };
  const [group] = foldErrors([], [{ ...happened(8, 'a'), at: new Date(7) }, late]);
  expect(group).toMatchObject({ firstSeen: new Date(5), timestamp: new Date(7), lastId: idOf(9) });
});

test('folding in pieces comes to the same as folding at once', () => {
  const event = fc.record({
    fingerprint: fc.constantFrom('a', 'b', 'c'),
    ack: fc.option(fc.nat(40)),
    suppressed: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.nat(40), (drawn, cut) => {
      const events = drawn.map(({ fingerprint, ack, suppressed }, n) =>
        ack === null ? happened(n + 1, fingerprint, suppressed) : acknowledged(n + 1, fingerprint, ack),
      );
      const first = foldErrors([], events.slice(0, cut));
      const second = foldErrors(
        first.filter(group => !group.acknowledged),
        events.slice(cut),
      );
      const merged = new Map([...first, ...second].map(group => [group.id, group]));
      expect([...merged.values()].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(foldErrors([], events));
    }),
  );
});
