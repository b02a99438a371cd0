import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CdrCall } from '../pbx/cdr.ts';
import { createDesk, watchedCall } from './test-desk.ts';
import { chain, entity, extension, ID, segment, T0, trunk } from './test-records.ts';

/** Calls of which a part lies outside of the outage, where call control shows nothing of it. */
beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const outage = { from: T0 - 10_000, to: T0 + 60_000 };
const source = trunk('+4930123456', '+493023125900');
const poll = { source, destination: extension('101'), creationMethod: 'route_to', creationForwardReason: 'polling' };

/** A menu and a queue long before the outage, a poll that found the phone busy, and 101 from second 5 to 30. */
function queuedChain(): CdrCall {
  return chain(
    ID,
    segment({
      ...{ source, destination: entity('script', '777'), terminationReason: 'continued_in' },
      times: [-95_000, -94_000, -60_000],
    }),
    segment({
      ...{ source, destination: entity('queue', '800'), creationMethod: 'divert', terminationReason: 'continued_in' },
      times: [-60_000, -60_000, 30_000],
    }),
    segment({
      ...{ ...poll, terminationReason: 'rejected', terminationReasonDetails: 'busy' },
      times: [-40_000, null, -40_000],
    }),
    segment({ ...poll, terminationReason: 'src_participant_terminated', times: [5_000, 8_000, 30_000] }),
  );
}

/** 101 rings from second 40 to 58, then its voice mail takes the call for a minute. */
function mailedChain(): CdrCall {
  return chain(
    ID,
    segment({
      ...{ source, destination: extension('101'), terminationReason: 'redirected' },
      ...{ terminationReasonDetails: 'no_answer', times: [40_000, null, 58_000] },
    }),
    segment({
      ...{ source, destination: entity('voicemail', '101'), creationMethod: 'divert' },
      ...{ terminationReason: 'src_participant_terminated', times: [58_000, 58_500, 120_000] },
    }),
  );
}

async function heal(calls: readonly CdrCall[], desk = createDesk()) {
  const { records, shelf, bodies } = desk;
  shelf.put(...calls);
  records.outage(outage);
  records.snapshotTaken(['101']);
  await vi.advanceTimersByTimeAsync(60_000);
  records.stop();
  return bodies().filter(({ event }) => event === 'call.ended');
}

test('a caller who waited in a queue when the line was lost is given back once, with who took the call', async () => {
  expect(await heal([queuedChain()])).toMatchObject([{ call: { disposition: 'answered', answeredBy: '101' } }]);
});

test('a call whose voice mail goes on behind the outage is given back as missed', async () => {
  expect(await heal([mailedChain()])).toMatchObject([
    { call: { disposition: 'missed', endedAt: new Date(T0 + 120_000).toISOString() } },
  ]);
});

test.each([
  ['queued', 5_000, queuedChain],
  ['mailed', 40_000, mailedChain],
] as const)('a call that was watched is not given back from a chain that is %s', async (_, at, call) => {
  const desk = createDesk();
  desk.open.push({ ...watchedCall(at), state: 'connected' });
  expect(await heal([call()], desk)).toEqual([]);
});

test('a queue that goes on behind the outage is not given back, because its next phone is seen', async () => {
  const [menu, queue, busy, taken] = queuedChain().segments;
  if (!menu || !queue || !busy || !taken) throw new Error('no segment');
  const open = { ...queue, endedAt: null, terminationReason: null };
  const vain = { ...taken, answeredAt: null, terminationReason: 'cancelled' };
  const next = { ...vain, startedAt: T0 + 90_000, endedAt: T0 + 95_000 };
  expect(await heal([chain(ID, menu, open, vain)])).toEqual([]);
  expect(await heal([chain(ID, menu, queue, vain, { ...next, terminationReason: 'no_route' })])).toEqual([]);
});

test('a phone that was busy all the time tells nothing, as if the line had been there', async () => {
  const [menu, queue, busy] = queuedChain().segments;
  if (!menu || !queue || !busy) throw new Error('no segment');
  const gone = { ...queue, terminationReason: 'src_participant_terminated' };
  expect(await heal([chain(ID, menu, gone, { ...busy, startedAt: T0, endedAt: T0 })])).toEqual([]);
});
