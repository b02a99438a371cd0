import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDesk, watchedScript } from './test-desk.ts';
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
});
