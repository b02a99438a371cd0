import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../fixtures/awkward-pbx.ts';
import type { Body } from '../fixtures/ingest-stand.ts';

/** A socket that is open and dead, with pongs and without (3cx.md §1.3). */
let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx({
    // The regular comparison is far away: the watches alone have to notice.
    env: {
      INGEST_PING_MS: '200',
      INGEST_PONG_DEADLINE_MS: '600',
      INGEST_SILENCE_MS: '1000',
      INGEST_RECONCILE_MS: '600000',
    },
  });
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());
beforeEach(() => pbx.mend());

const isGapLike = (pattern: RegExp) => (body: Body) =>
  body.reason === 'pbx_disconnected' && pattern.test((body as Body & { detail: string }).detail);
const gapLike = (pattern: RegExp) => pbx.bodyWhere(`a gap like ${pattern}`, isGapLike(pattern));

describe('silent death', () => {
  test('a socket that answers no ping within the deadline is given up, and one without traffic is not', async () => {
    const sockets = await pbx.sockets();
    await pbx.fault({ kind: 'stall', ms: 1_500, answerPings: false });
    await gapLike(/no answer to a ping for 600 ms/);
    const [first] = ((await pbx.sim.get('/sim/sockets')).body as { sockets: { openedAt: number; closedAt: number }[] })
      .sockets;
    // Pings kept it alive while nothing happened; the deadline ended it.
    expect((first?.closedAt ?? 0) - (first?.openedAt ?? 0)).toBeGreaterThan(600);
    await pbx.mend();
    await pbx.connected({ what: 'the new socket' });
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '101', ringMs: ASKED_MS }));
    expect(await pbx.sockets()).toBeGreaterThan(sockets);
  });

  test('a socket that answers pings and brings no frames is given up when XAPI shows a call that no frame told', async () => {
    await pbx.fault({ kind: 'stall', forever: true });
    // Answered well after the last frame: what changes beside a frame proves nothing.
    const callid = await pbx.play({ scenario: 'inbound', dn: '102', ringMs: 3_500, talkMs: 60_000 });
    const isGap = isGapLike(/open but silent for \d+ s while calls change/);
    let isBehindGap = false;
    // One may be taken of the dying connection, too.
    await pbx.bodyWhere('the call, from the snapshot of the new connection', body => {
      isBehindGap ||= isGap(body);
      return isBehindGap && body.origin === 'reconcile' && pbx.callOf(body)?.pbxCallId === callid;
    });
    await pbx.mend();
    await pbx.sim.post(`/sim/calls/${callid}/hangup`, {});
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', reason: 'left' });
  });
});
