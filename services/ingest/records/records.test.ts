import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMatcher, momentsOf } from './match.ts';
import { createRecoveryNotes, toGapEntry } from './record-entry.ts';
import { readRecordedCall } from './recorded-call.ts';
import { callOfSnapshot, createDesk, watchedCall } from './test-desk.ts';
import { chain, entity, extension, ID, inboundChain, segment, T0, trunk } from './test-records.ts';

/** The clock stands still until a test moves it: what is tested is when a record is looked for and what becomes of it. */
beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a call that was watched', () => {
  test('is completed once its records appear: called number, answer, ids', async () => {
    const { records, shelf, bodies, entries } = createDesk();
    records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(3_100);
    expect(bodies()).toEqual([]);
    shelf.put(inboundChain());
    await vi.advanceTimersByTimeAsync(8_000);
    expect(bodies()).toMatchObject([
      {
        event: 'call.finalized',
        origin: 'cdr',
        data: null,
        call: { disposition: 'answered', did: '+493023125900', answeredBy: '101', cdr: { callHistoryId: ID } },
      },
    ]);
    expect(entries[0]).toMatchObject({ dn: '101', event: 'call.finalized', state: [{ field: `cdr:${ID}` }] });
  });

  test('goes without when no record appears in time, and nobody asks any more', async () => {
    const { records, shelf, bodies } = createDesk();
    records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(60_000);
    const { reads } = shelf;
    shelf.put(inboundChain());
    await vi.advanceTimersByTimeAsync(60_000);
    expect([shelf.reads, bodies()]).toEqual([reads, []]);
  });

  test('waits for records that cannot be read, and goes without when that lasts too long', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(inboundChain());
    shelf.fail(new Error('the database is away'));
    records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(50_000);
    shelf.fail(null);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(bodies()).toMatchObject([{ event: 'call.finalized', call: { cdr: { callHistoryId: ID } } }]);

    const late = createDesk();
    late.shelf.put(inboundChain());
    late.shelf.fail(new Error('the database is away'));
    late.records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(150_000);
    late.shelf.fail(null);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(late.bodies()).toEqual([]);
  });

  test('costs a PBX whose records may not be read a few questions a minute, however many calls end', async () => {
    const { records, shelf } = createDesk();
    shelf.fail(new Error('no role'));
    for (let second = 0; second < 600; second += 5) {
      records.ended({ ...watchedCall(), callId: String(second) });
      await vi.advanceTimersByTimeAsync(5_000);
    }
    // Five while the wait grows to half a minute, of which at least a half is waited.
    expect(shelf.reads).toBeLessThanOrEqual(5 + 600 / 15);
    records.stop();
  });

  test('does not take the records of another number, of other people or of another minute', async () => {
    const { records, shelf, bodies } = createDesk();
    const source = trunk('+4930999999');
    const other = segment({
      source,
      destination: extension('101'),
      terminationReason: 'no_route',
      times: [0, null, 9],
    });
    const elsewhere = { ...other, source: trunk('+4930123456'), destination: extension('105') };
    shelf.put(chain('a', other), chain('b', elsewhere), inboundChain('c', 5_200), inboundChain('d', -5_200));
    records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies()).toEqual([]);
  });

  test('is completed though its caller listened to a menu and waited in a queue before a phone rang', async () => {
    const { records, shelf, bodies } = createDesk();
    const source = trunk('+4930123456', '+493023125900');
    const menu = segment({ source, destination: entity('script', '777'), times: [-95_000, -94_000, -60_000] });
    const queue = segment({
      ...{ source, destination: entity('queue', '800'), creationMethod: 'divert' },
      ...{ terminationReason: 'continued_in', terminationReasonDetails: 'polling', times: [-60_000, -60_000, 4_000] },
    });
    const poll = { source, creationMethod: 'route_to', creationForwardReason: 'polling' };
    const busy = segment({
      ...{ ...poll, destination: extension('101'), terminationReason: 'rejected', terminationReasonDetails: 'busy' },
      times: [-40_000, null, -40_000],
    });
    const taken = segment({
      ...{ ...poll, destination: extension('101'), terminationReason: 'src_participant_terminated' },
      times: [0, 4_000, 30_000],
    });
    // The same caller, who has hung up in the same queue before.
    const before = { ...queue, startedAt: T0 - 400_000, endedAt: T0 - 200_000, terminationReason: 'no_route' };
    shelf.put(chain('before', before, { ...busy, startedAt: T0 - 300_000 }), chain('this', menu, queue, busy, taken));
    records.ended(watchedCall());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      { call: { did: '+493023125900', disposition: 'answered', via: { dn: '800' }, cdr: { callHistoryId: 'this' } } },
    ]);
  });

  test('of two calls between the same people each gets the records nearest to it', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(inboundChain('first', 0), inboundChain('second', 3_000));
    const [first, second] = [watchedCall(0), watchedCall(3_000)];
    records.ended(second);
    records.ended(first);
    await vi.advanceTimersByTimeAsync(5_000);
    const pairs = bodies().map(({ call }) => [call.callId, call.cdr?.callHistoryId]);
    expect(new Set(pairs.map(String))).toEqual(new Set([`${first.callId},first`, `${second.callId},second`]));
  });

  test('is completed when it was first seen in a snapshot, and its records reach over that moment', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(inboundChain('before', -60_000), inboundChain('this'), inboundChain('later', 25_000));
    records.ended(callOfSnapshot());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      { call: { startedAt: '2026-03-02T09:00:00.000Z', direction: 'inbound', cdr: { callHistoryId: 'this' } } },
    ]);
  });

  test('waits in a bounded row: of too many the earliest go without', async () => {
    const { records, shelf, bodies } = createDesk();
    for (const [i, id] of ['a', 'b', 'c', 'd'].entries()) {
      shelf.put(inboundChain(id, i * 100_000));
      records.ended({ ...watchedCall(i * 100_000), callId: id });
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies().map(({ call }) => call.callId)).toEqual(['b', 'c', 'd']);
  });
});

describe('an outage', () => {
  const outage = { from: T0 - 10_000, to: T0 + 60_000 };

  test('gives back the calls that began and ended in it, as records tell them, after the snapshot', async () => {
    const { records, shelf, bodies, told, dropped } = createDesk();
    shelf.put(inboundChain());
    records.outage(outage);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toEqual([]);
    records.snapshotTaken(['101', '102']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toMatchObject([
      {
        event: 'call.ended',
        events: ['call.started', 'call.answered', 'call.ended'],
        origin: 'cdr',
        call: {
          pbxCallId: null,
          startedAt: '2026-03-02T09:00:00.000Z',
          answeredAt: '2026-03-02T09:00:04.000Z',
          endedAt: '2026-03-02T09:00:30.000Z',
          reason: 'reconciled',
          disposition: 'answered',
        },
      },
    ]);
    expect([told, dropped]).toEqual([['info'], [outage.from]]);
  });

  test('gives back nothing of phones that are none of ours, nor what reaches out of it', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(inboundChain('before', -20_000), inboundChain('beyond', 40_000), inboundChain('inside', 5_000));
    records.outage(outage);
    records.snapshotTaken(['102']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies()).toEqual([]);
    const ours = createDesk();
    ours.shelf.put(inboundChain('before', -20_000), inboundChain('beyond', 40_000), inboundChain('inside', 5_000));
    ours.records.outage(outage);
    ours.records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(ours.bodies().map(({ call }) => call.cdr?.callHistoryId)).toEqual(['inside']);
  });

  test('does not give back a call that was watched, whether it ended meanwhile, goes on, or is in the last entries', async () => {
    for (const known of ['ended', 'open', 'earlier', 'snapshot'] as const) {
      const seen = watchedCall();
      const call = known === 'snapshot' ? { ...seen, startedAt: null } : seen;
      const { records, shelf, bodies, open } = createDesk(known === 'earlier' ? { recentCalls: [call] } : {});
      if (known === 'ended') records.ended(call);
      if (known === 'open' || known === 'snapshot') open.push({ ...call, state: 'connected' });
      records.outage(outage);
      records.snapshotTaken(['101']);
      shelf.put(inboundChain());
      await vi.advanceTimersByTimeAsync(60_000);
      expect(bodies().filter(({ event }) => event === 'call.ended')).toEqual([]);
    }
  });

  test('that an earlier process left is healed by the next, without what the earlier one gave back', async () => {
    const gap = toGapEntry(outage.to, { from: outage.from, to: outage.to, detail: 'x' });
    const recovery = Object.fromEntries((gap.state ?? []).map(({ field, value }) => [field, value ?? '']));
    const { records, shelf, bodies } = createDesk({ recovery: { ...recovery, 'cdr:taken': String(T0) } });
    shelf.put(inboundChain('taken'), inboundChain('left', 10_000));
    records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bodies().map(({ call }) => call.cdr?.callHistoryId)).toEqual(['left']);
  });

  test('is tried again while the records cannot be read, and given up aloud', async () => {
    const { records, shelf, bodies, told, dropped } = createDesk();
    shelf.put(inboundChain());
    shelf.fail(new Error('the database is away'));
    records.outage(outage);
    records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(50_000);
    expect([bodies(), told, dropped]).toEqual([[], [], []]);
    shelf.fail(null);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies()).toHaveLength(1);

    const lost = createDesk();
    lost.shelf.fail(new Error('the database is away'));
    lost.records.outage(outage);
    lost.records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(150_000);
    expect([lost.told, lost.dropped]).toEqual([['error'], [outage.from]]);
  });

  test('gives a chain without its end back at the last pass only, because rows come late', async () => {
    const { records, shelf, bodies } = createDesk();
    const [first] = inboundChain().segments;
    if (!first) throw new Error('no segment');
    shelf.put(chain(ID, { ...first, destination: extension('101'), terminationReason: 'redirected' }));
    records.outage(outage);
    records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(bodies()).toEqual([]);
    shelf.put(inboundChain());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(bodies()).toMatchObject([{ call: { disposition: 'answered' } }]);
  });
});

describe('what the records need of the process and of the PBX', () => {
  test('stays small while no records can be read and frames go without their entity for an hour', async () => {
    const { records, shelf, told } = createDesk();
    shelf.fail(new Error('no role'));
    records.snapshotTaken(['101']);
    for (let second = 0; second < 3_600; second += 5) {
      records.unseen(Date.now());
      await vi.advanceTimersByTimeAsync(5_000);
    }
    // Two passes for each of the guesses.
    expect(shelf.reads).toBeLessThanOrEqual(2 * 720);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(vi.getTimerCount()).toBe(1);
    records.stop();
  });

  test('is one question at a time after a line that was lost a hundred times', async () => {
    const { records, shelf, told } = createDesk();
    let asking = 0;
    let most = 0;
    shelf.queryCDR = async function* () {
      asking += 1;
      most = Math.max(most, asking);
      await new Promise(resolve => setTimeout(resolve, 10));
      asking -= 1;
    };
    for (let n = 0; n < 100; n += 1) records.outage({ from: T0 + n * 1_000, to: T0 + n * 1_000 + 500 });
    records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([most, told.length]).toEqual([1, 100]);
    records.stop();
  });

  test('is asked for as usual after the clock was set back by a day', async () => {
    const { records, shelf, bodies } = createDesk();
    shelf.put(inboundChain());
    records.ended(watchedCall());
    vi.setSystemTime(T0 - 86_400_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies()).toHaveLength(1);
    records.stop();
  });

  test('is known for as long as an outage is healed: what was recovered once does not come again', async () => {
    const { records, shelf, bodies } = createDesk({ recovery: { 'cdr:taken': String(T0) } });
    shelf.put(inboundChain('taken', 10_000));
    shelf.fail(new Error('the database is away'));
    records.outage({ from: T0, to: T0 + 60_000 });
    await vi.advanceTimersByTimeAsync(2 * 3_600_000);
    shelf.fail(null);
    records.snapshotTaken(['101']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies()).toEqual([]);
    records.stop();
  });

  test('includes the calls of which an earlier process did not find the records before it ended', async () => {
    const { shelf, bodies, records } = createDesk({ recentCalls: [watchedCall()] });
    shelf.put(inboundChain());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bodies()).toMatchObject([{ event: 'call.finalized', call: { cdr: { callHistoryId: ID } } }]);
    records.stop();
  });

  test('is compared with the records near to it, not with thousands', () => {
    const records = Array.from({ length: 2_000 }, (_, n) => readRecordedCall(inboundChain(`r${n}`, n * 1_000))).filter(
      record => record !== null,
    );
    const near = createMatcher({ toleranceMs: 3_000 }).candidatesFor(watchedCall(1_000_000), momentsOf(records));
    expect([...near].map(record => record.callHistoryId)).toEqual(['r998', 'r999', 'r1000', 'r1001', 'r1002', 'r1003']);
  });
});

test('notes of an outage of days are dropped in pieces that a command can take', () => {
  const sizes: number[] = [];
  const notes = createRecoveryNotes(async fields => sizes.push(fields.length));
  notes.dropRecords(Array.from({ length: 200_500 }, (_, n) => `id${n}`));
  expect([sizes.length, Math.max(...sizes)]).toEqual([201, 1_000]);
});
