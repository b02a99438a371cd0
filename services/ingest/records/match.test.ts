import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { callOfSnapshot, createDesk, watchedCall } from './test-desk.ts';
import { chain, entity, extension, inboundChain, segment, T0, trunk } from './test-records.ts';

/** Two calls of one number at one moment: whose records are whose, and which are told already. */
const outage = { from: T0 - 10_000, to: T0 + 60_000 };

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a call that was first seen in a snapshot gets the records in which its phone rang, not those that found it busy', async () => {
  const { records, shelf, bodies } = createDesk();
  // The same caller called a queue, too, which another phone took: nearer to the first sight, and over as soon.
  const poll = { source: trunk('+4930123456'), creationMethod: 'route_to', creationForwardReason: 'polling' };
  const other = chain(
    'other',
    segment({
      ...poll,
      destination: entity('queue', '800'),
      creationMethod: 'call_init',
      times: [19_000, null, 19_500],
    }),
    segment({ ...poll, destination: extension('101'), terminationReason: 'busy', times: [19_000, null, 19_000] }),
    segment({
      ...{ ...poll, destination: extension('102'), terminationReason: 'src_participant_terminated' },
      times: [19_000, 19_500, 31_000],
    }),
  );
  shelf.put(inboundChain('this'), other);
  records.ended(callOfSnapshot());
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bodies().map(each => each.call.cdr?.callHistoryId)).toEqual(['this']);
});

test('an outage gives back a call whose caller made another one at that moment, as soon as the other has its own records', async () => {
  const { records, shelf, bodies } = createDesk();
  const source = trunk('+4930123456', '+493023125900');
  const lost = segment({
    ...{ source, destination: extension('102', 'Grace'), terminationReason: 'src_participant_terminated' },
    times: [100, null, 9_000],
  });
  shelf.put(chain('lost', lost));
  records.ended(watchedCall());
  records.outage(outage);
  records.snapshotTaken(['101', '102']);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(bodies()).toEqual([]);
  shelf.put(inboundChain('watched'));
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bodies()).toMatchObject([
    { event: 'call.finalized', call: { cdr: { callHistoryId: 'watched' } } },
    { event: 'call.ended', call: { disposition: 'missed', cdr: { callHistoryId: 'lost' } } },
  ]);
});

test('an outage does not give back what may be a call that was first seen in a snapshot, whose records are a guess', async () => {
  const { records, shelf, bodies } = createDesk();
  records.ended(callOfSnapshot());
  shelf.put(inboundChain('guessed', 1_000));
  await vi.advanceTimersByTimeAsync(20_000);
  shelf.put(inboundChain('true'));
  records.outage(outage);
  records.snapshotTaken(['101']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bodies().map(({ event, call }) => [event, call.cdr?.callHistoryId])).toEqual([['call.finalized', 'guessed']]);
});

test('an outage does not give back the chain of a consultation that goes on in the records of a call that was watched', async () => {
  const { records, shelf, bodies } = createDesk();
  const source = trunk('+4930123456', '+493023125900');
  const asked = segment({
    ...{ source, destination: extension('102', 'Grace'), terminationReason: 'src_participant_terminated' },
    times: [100, null, 9_000],
  });
  records.ended(watchedCall());
  shelf.put(inboundChain('watched'));
  await vi.advanceTimersByTimeAsync(5_000);
  shelf.put({ ...chain('asked', asked), mainCallHistoryId: 'watched' });
  records.outage(outage);
  records.snapshotTaken(['101', '102']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bodies().map(({ event }) => event)).toEqual(['call.finalized']);
});
