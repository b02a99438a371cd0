import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx, events } from '../fixtures/awkward-pbx.ts';
import type { Body } from '../fixtures/ingest-stand.ts';

/** What frames do not tell, and connections that end in every way (3cx.md §1.3). */
let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx({ env: { INGEST_RECONCILE_MS: '1000' } });
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());
beforeEach(() => pbx.mend());

const gaps = async () =>
  (await pbx.bodies()).filter(body => body.reason === 'pbx_disconnected') as (Body & { detail: string })[];
const nextGap = async (before: number) => waitFor(async () => (await gaps())[before], { what: 'the gap', everyMs: 40 });
const hangUp = (callid: number) => pbx.sim.post(`/sim/calls/${callid}/hangup`, {});
const seen = (callid: number, event: string) =>
  pbx.bodyWhere(`${event} of call ${callid}`, body => {
    return events([body]).includes(event) && pbx.callOf(body)?.pbxCallId === callid;
  });

describe('frames that never came', () => {
  test.each([false, true])(
    'a call whose remove was lost is closed as reconciled, without a new socket (its number too: %s)',
    async keepSequence => {
      const sockets = await pbx.sockets();
      // Somebody else's phone rings on, so that the line is not taken for dead.
      const other = await pbx.play({ scenario: 'inbound', dn: '110', ringMs: 60_000 });
      const callid = await pbx.play({ scenario: 'inbound', dn: '101', ringMs: ASKED_MS, talkMs: ASKED_MS });
      await pbx.fault({ kind: 'lose', count: 1, eventType: 1, dn: '101', keepSequence });
      const end = await pbx.ended(callid);
      expect(end).toMatchObject({ disposition: 'answered', reason: 'reconciled' });
      expect((await seen(callid, 'call.ended')).data).toBeNull();
      expect(await pbx.sockets()).toBe(sockets);
      if (!keepSequence) await pbx.errorLike(/own frame numbers skipped 1 in 1 places/);
      await hangUp(other);
      await pbx.ended(other);
    },
  );

  test('a call that no frame announced is found while others ring', async () => {
    const other = await pbx.play({ scenario: 'inbound', dn: '111', ringMs: 60_000 });
    await pbx.fault({ kind: 'lose', count: 10, eventType: 0, dn: '112', keepSequence: true });
    const callid = await pbx.play({ scenario: 'inbound', dn: '112', ringMs: 50, talkMs: 60_000 });
    const found = await seen(callid, 'call.started');
    expect(found).toMatchObject({ origin: 'reconcile', data: null, call: { state: 'connected' } });
    await hangUp(callid);
    await hangUp(other);
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered' });
    await pbx.ended(other);
  });

  test('a sequence that begins again without a restart is no loss and costs nothing', async () => {
    const [skipped, sockets] = [(await pbx.told()).length, await pbx.sockets()];
    await pbx.fault({ kind: 'reset-sequence' });
    const callid = await pbx.play({ scenario: 'inbound', dn: '102', ringMs: ASKED_MS, talkMs: ASKED_MS });
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', reason: 'left' });
    expect(await pbx.sockets()).toBe(sockets);
    expect((await pbx.told()).slice(skipped)).toEqual([]);
  });
});

describe('connections that end', () => {
  test.each([
    { code: 1006, says: /1006/ },
    { code: 1012, says: /1012/ },
    { code: 1001, says: /1001/ },
  ])('with $code: dialled again, a gap with its reason, then the differences, then frames', async ({ code, says }) => {
    const before = (await gaps()).length;
    const callid = await pbx.play({ scenario: 'inbound', dn: '103', ringMs: ASKED_MS, talkMs: 60_000 });
    await seen(callid, 'call.answered');
    // By then nothing is asked about the first call any more.
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '107', ringMs: ASKED_MS }));
    // The snapshot is slow, so that frames of the new connection come before it and have to wait.
    await pbx.fault({ kind: 'slow', ms: 700, count: 1, path: '/callcontrol' });
    await pbx.fault({ kind: 'close', code });
    await hangUp(callid);
    await pbx.connected({ what: 'the new socket', everyMs: 5 });
    const next = await pbx.play({ scenario: 'inbound', dn: '104', ringMs: ASKED_MS, talkMs: ASKED_MS });
    const gap = await nextGap(before);
    expect(gap.detail).toMatch(says);
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', reason: 'reconciled' });
    expect(await pbx.ended(next)).toMatchObject({ disposition: 'answered' });
    const bodies = await pbx.bodies();
    const at = (matches: (body: Body) => boolean) => bodies.findIndex(matches);
    const gapAt = bodies.findLastIndex(body => body.reason === 'pbx_disconnected');
    const endAt = at(body => body.event === 'call.ended' && pbx.callOf(body)?.pbxCallId === callid);
    const frameAt = bodies.findIndex((body, i) => i > gapAt && body.data !== null && body.data !== undefined);
    expect([gapAt, endAt, frameAt]).toEqual([gapAt, endAt, frameAt].sort((a, b) => a - b));
  });

  test('a restart begins all numbers again: every call has an id of its own, and none stays open', async () => {
    const first = (await pbx.bodies()).length;
    for (let run = 0; run < 3; run += 1) {
      const before = (await gaps()).length;
      await pbx.sim.post('/sim/restart', {});
      // A call with the numbers and people of one before, answered while nobody watches, could not be told from it.
      await nextGap(before);
      await waitFor(async () => (await pbx.openCalls()) === 0, { what: 'the old calls to be over' });
      // The same numbers, phones and callers in each run, cut off by the next restart.
      for (const dn of ['105', '106']) {
        await pbx.play({ scenario: 'inbound', dn, number: '+49301', ringMs: ASKED_MS, talkMs: 60_000 });
      }
      await waitFor(async () => (await answeredSince(first)).size === 2 * (run + 1), { what: `run ${run}` });
    }
    await pbx.sim.post('/sim/restart', {});
    await waitFor(async () => (await pbx.openCalls()) === 0, { what: 'no call to be open' });
    const told = (await pbx.bodies()).slice(first);
    const ends = told.filter(body => body.event === 'call.ended').map(body => pbx.callOf(body));
    // Which of two that end together is told first depends on which of them ingest heard of first.
    const runs = [0, 2, 4].map(begin => ends.slice(begin, begin + 2).map(call => call?.pbxCallId));
    expect(runs.map(ids => ids.sort())).toEqual(Array(3).fill([1, 2]));
    expect(ends).toHaveLength(6);
    expect(new Set(ends.map(call => call?.callId)).size).toBe(6);
    expect(new Set(ends.map(call => call?.callId))).toEqual(await answeredSince(first));
  });

  async function answeredSince(first: number): Promise<Set<string | undefined>> {
    const answered = (await pbx.bodies()).slice(first).filter(body => events([body]).includes('call.answered'));
    return new Set(answered.map(body => pbx.callOf(body)?.callId));
  }
});
