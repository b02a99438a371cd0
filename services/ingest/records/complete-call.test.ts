import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { completeCall, recoverCall } from './complete-call.ts';
import { readRecordedCall } from './recorded-call.ts';
import { createDesk, watchedCall, watchedScript } from './test-desk.ts';
import { chain, entity, extension, ID, segment, T0, trunk } from './test-records.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const customer = trunk('+4930123456', '+493023125900');

describe('a call that was watched and has its records', () => {
  test('never mixes two people: the phone that rang first keeps its own name though another one answered', async () => {
    const { records, shelf, bodies } = createDesk();
    const source = customer;
    const poll = { source, creationMethod: 'route_to', creationForwardReason: 'polling' };
    shelf.put(
      chain(
        ID,
        segment({
          ...{ source, destination: entity('ring_group_ring_all', '850'), terminationReason: 'continued_in' },
          times: [0, null, 4_000],
        }),
        segment({
          ...{ ...poll, destination: extension('101', 'Ada'), terminationReason: 'cancelled' },
          ...{ terminationReasonDetails: 'completed_elsewhere', times: [10, null, 4_000] },
        }),
        segment({
          ...{ ...poll, destination: extension('103', 'Carl'), terminationReason: 'src_participant_terminated' },
          times: [10, 4_000, 30_000],
        }),
      ),
    );
    const both = { originated_by_dn: '850', originated_by_type: 'Wringgroup' };
    records.ended(
      watchedScript(
        [50, '101', 'Ringing', both],
        [60, '103', 'Ringing', both],
        [4_000, '103', 'Connected', both],
        [4_050, '101', 'gone'],
        [30_000, '103', 'gone'],
      ),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      { call: { callee: { number: '101', name: 'Ada', dn: '101' }, answeredBy: '103', disposition: 'answered' } },
    ]);
  });

  test('finds them though the extension that was called has its calls go to a mobile', async () => {
    const { records, shelf, bodies } = createDesk();
    const divert = {
      destination: trunk('+491701234567'),
      creationMethod: 'divert',
      creationForwardReason: 'no_answer',
    };
    const source = extension('101', 'Ada');
    shelf.put(
      chain(
        ID,
        segment({
          ...{ source, destination: extension('102', 'Bob'), terminationReason: 'redirected' },
          ...{ terminationReasonDetails: 'no_answer', times: [0, null, 20_000] },
        }),
        segment({
          ...{ source, ...divert, terminationReason: 'dst_participant_terminated' },
          times: [20_000, 25_000, 60_000],
        }),
      ),
    );
    const inside = (dn: string) => ({ party_dn: dn, party_caller_id: dn, party_dn_type: 'Wextension' });
    records.ended(
      watchedScript(
        [50, '101', 'Dialing', inside('102')],
        [60, '102', 'Ringing', inside('101')],
        [20_000, '102', 'gone'],
        [60_000, '101', 'gone'],
      ),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      { call: { direction: 'internal', disposition: 'answered', answeredBy: null, cdr: { callHistoryId: ID } } },
    ]);
  });

  test('of a phone that a queue asked several times has the outcome of the time at which it left', () => {
    const poll = { source: customer, destination: extension('101'), creationMethod: 'route_to' };
    const record = readRecordedCall(
      chain(
        ID,
        segment({ ...poll, terminationReason: 'cancelled', times: [0, null, 5_000] }),
        segment({
          ...{ ...poll, terminationReason: 'cancelled', terminationReasonDetails: 'completed_elsewhere' },
          times: [15_000, null, 20_000],
        }),
      ),
    );
    if (!record) throw new Error('no record');
    const left = { dn: '101', participantId: 1, party: null, outcome: null };
    const formerLegs = [5_100, 20_100].map(ms => ({ ...left, leftAt: new Date(T0 + ms).toISOString() }));
    const call = completeCall({ ...watchedCall(), formerLegs }, record);
    expect(call.formerLegs.map(({ outcome }) => outcome)).toEqual(['missed', 'answered_elsewhere']);
  });
});

describe('a call from inside', () => {
  const source = extension('101', 'Ada');
  const dialing = (dn: string, type: string) => ({ party_dn: dn, party_caller_id: dn, party_dn_type: type });

  test('to a queue has its records, and who took it there', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(
      chain(
        ID,
        segment({
          ...{ source, destination: entity('queue', '800'), terminationReason: 'continued_in' },
          times: [0, 20, 9_000],
        }),
        segment({
          ...{ source, destination: extension('103', 'Carl'), creationMethod: 'route_to' },
          ...{ terminationReason: 'src_participant_terminated', times: [5_000, 9_000, 30_000] },
        }),
      ),
    );
    const queue = dialing('800', 'Wqueue');
    records.ended(
      watchedScript([50, '101', 'Dialing', queue], [70, '101', 'Connected', queue], [30_000, '101', 'gone']),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      { call: { ...{ direction: 'internal', callee: { dn: '800' }, answeredBy: '103' }, disposition: 'answered' } },
    ]);
    records.stop();
  });

  test('that a voice mail took is missed, whatever the leg of its caller showed', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(
      chain(
        ID,
        segment({
          ...{ source, destination: entity('voicemail', '999'), terminationReason: 'src_participant_terminated' },
          times: [0, 20, 30_000],
        }),
      ),
    );
    const mail = dialing('999', 'Wspecialmenu');
    const call = watchedScript([50, '101', 'Dialing', mail], [70, '101', 'Connected', mail], [30_000, '101', 'gone']);
    expect(call).toMatchObject({ disposition: 'answered', answeredBy: null });
    records.ended(call);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([{ call: { disposition: 'missed', answeredAt: null, cdr: { callHistoryId: ID } } }]);
    records.stop();
  });
});

describe('a call that another phone took, which nobody watched', () => {
  const group = { source: customer, destination: entity('ring_group_ring_all', '850') };
  const rung = { source: customer, creationMethod: 'route_to', creationForwardReason: 'polling' };
  const untilTaken = [
    segment({
      ...{ source: customer, destination: entity('inbound_routing', 'ROUTER'), terminationReason: 'redirected' },
      times: [0, null, 20],
    }),
    segment({ ...group, creationMethod: 'divert', terminationReason: 'continued_in', times: [20, null, 20_000] }),
    segment({
      ...{ ...rung, destination: extension('101'), terminationReason: 'cancelled' },
      ...{ terminationReasonDetails: 'completed_elsewhere', times: [40, null, 20_000] },
    }),
  ];
  const conversation = segment({
    ...{ ...rung, destination: extension('105', 'Eve'), terminationReason: 'dst_participant_terminated' },
    times: [40, 20_000, 600_000],
  });
  const endedAtTwentySeconds = () =>
    watchedScript(
      [50, '101', 'Ringing', { originated_by_dn: '850', originated_by_type: 'Wringgroup' }],
      [20_000, '101', 'gone'],
    );

  test('is not told as missed while its row is not there, and completed when the conversation has ended', async () => {
    const { records, shelf, bodies } = createDesk();
    const call = endedAtTwentySeconds();
    expect(call).toMatchObject({ disposition: 'missed', formerLegs: [{ dn: '101', outcome: 'missed' }] });
    shelf.put(chain(ID, ...untilTaken));
    records.ended(call);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(bodies()).toEqual([]);
    shelf.put(chain(ID, ...untilTaken, conversation));
    await vi.advanceTimersByTimeAsync(310_000);
    expect(bodies()).toMatchObject([
      {
        call: {
          ...{ disposition: 'answered', answeredBy: '105', cdr: { callHistoryId: ID } },
          formerLegs: [{ dn: '101', outcome: 'answered_elsewhere' }],
        },
      },
    ]);
    records.stop();
  });

  test('is completed as answered, by nobody knows whom, when the row does not come for an hour', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(chain(ID, ...untilTaken));
    records.ended(endedAtTwentySeconds());
    await vi.advanceTimersByTimeAsync(3_500_000);
    expect(bodies()).toEqual([]);
    await vi.advanceTimersByTimeAsync(200_000);
    expect(bodies()).toMatchObject([{ call: { disposition: 'answered', answeredBy: null } }]);
    const { reads } = shelf;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([reads, shelf.reads]).toEqual([5, 5]);
    records.stop();
  });
});

test('a recovered call has its latest 32 legs, and with them the one that took it', () => {
  const poll = { source: customer, creationMethod: 'route_to', creationForwardReason: 'polling' };
  const answer = segment({
    ...{ ...poll, destination: extension('200'), terminationReason: 'src_participant_terminated' },
    times: [0, 4_000, 30_000],
  });
  const others = Array.from({ length: 40 }, (_, n) =>
    segment({
      ...{ ...poll, destination: extension(String(201 + n)), terminationReason: 'cancelled' },
      times: [1 + n, null, 4_000],
    }),
  );
  const record = readRecordedCall(chain(ID, answer, ...others));
  if (!record) throw new Error('no record');
  const { formerLegs } = recoverCall(record).call;
  expect([formerLegs.length, formerLegs.at(-1)]).toMatchObject([32, { dn: '200', outcome: 'answered' }]);
});
