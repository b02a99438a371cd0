import { XAPIClient } from '@3cx-relay/ingest/pbx/xapi/xapi-client.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx } from '../fixtures/awkward-pbx.ts';

/** Tokens of a 3CX: how long they live, and who else may kill them (3cx.md C1, C2, §1.3). */
const HOUR_MS = 3_600_000;
const usual = { expiresInUnit: 'minutes', lifeMs: HOUR_MS, closeSockets: false, oneTokenPerPbx: false, opaque: false };

let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx();
  await pbx.start();
});
afterAll(() => pbx.stop());
beforeEach(async () => {
  await pbx.mend();
  await pbx.sim.post('/sim/token', usual);
});

/** A call whose every frame got its participant: no request of it failed for good. */
async function expectWholeCall(dn: string): Promise<void> {
  const callid = await pbx.play({ scenario: 'inbound', dn, ringMs: ASKED_MS, talkMs: ASKED_MS });
  expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered' });
  expect((await pbx.about(callid)).filter(body => body.unresolved)).toEqual([]);
}

describe('C1: expires_in counts minutes up to 20.0.8 and seconds from 20.0.9', () => {
  test.each([
    { expiresInUnit: 'minutes', lifeMs: HOUR_MS, opaque: true, of: 'the number 60 alone' },
    { expiresInUnit: 'seconds', lifeMs: HOUR_MS, opaque: true, of: 'the number 3600 alone' },
    { expiresInUnit: 'minutes', lifeMs: 90_000, opaque: false, of: 'exp against a number that says two minutes' },
    { expiresInUnit: 'seconds', lifeMs: 90_000, opaque: false, of: 'exp against a number that would be 90 minutes' },
  ])('$of gives a token its true life ($expiresInUnit)', async ({ of: _, ...mode }) => {
    await pbx.sim.post('/sim/token', mode);
    await pbx.sim.post('/sim/clients', { id: 'reader', secret: 's' });
    const xapi = new XAPIClient(pbx.pbxUrl, 'reader', 's');
    await xapi.ensureValidToken();
    expect(Math.abs(xapi.tokenExpiry - Date.now() - mode.lifeMs)).toBeLessThan(3_000);
    xapi.stop();
  });

  test('a token is replaced before it dies, so that no question is ever refused', async () => {
    await pbx.sim.post('/sim/token', { expiresInUnit: 'minutes', lifeMs: 2_000 });
    await pbx.fault({ kind: 'expire-token' });
    await expectWholeCall('101');
    const { minted, refused } = (await pbx.state()).tokens;
    const before = minted.relay ?? 0;
    await waitFor(
      async () => {
        await expectWholeCall('102');
        return (await pbx.minted()) >= before + 3;
      },
      { what: 'three lives of a token' },
    );
    expect(await pbx.refused()).toBe(refused);
  });
});

describe('C2: a new token kills the one before', () => {
  test('superseded by another program in the middle of a storm of questions costs one new token', async () => {
    await expectWholeCall('101');
    await pbx.sim.post('/sim/burst', { events: 2_000, perSecond: 2_000 });
    await waitFor(async () => (await pbx.frames()).length > 500, { what: 'a part of the burst' });
    const [minted, refused] = [await pbx.minted(), await pbx.refused()];
    // Answered only when a new token is there already: their 401 must not throw that one away.
    await pbx.fault({ kind: 'slow', ms: 300, count: 6, path: '/callcontrol/' });
    await pbx.sim.token();
    await waitFor(async () => !((await pbx.sim.get('/sim/burst')).body as { running: boolean }).running, {
      what: 'the end of the burst',
    });
    // A call as short as ours would be over before a question that waits behind the burst is asked.
    await waitFor(async () => (await pbx.logged()).length === (await pbx.delivered()).length, {
      what: 'the log to have the burst',
      everyMs: 100,
    });
    await expectWholeCall('102');
    // Theirs and ours.
    expect(await pbx.minted()).toBe(minted + 2);
    // Those that were under way with the old one; thousands would follow without the one owner of the token.
    expect((await pbx.refused()) - refused).toBeLessThanOrEqual(40);
    expect((await pbx.bodies()).filter(body => body.unresolved === 'refused')).toEqual([]);
  });

  test('superseded again between the new token and the question costs a third one, and no event its participant', async () => {
    await expectWholeCall('101');
    const minted = await pbx.minted();
    await pbx.fault({ kind: 'http-error', status: 401, count: 2, path: '/callcontrol/102/participants/' });
    const before = (await pbx.bodies()).length;
    await expectWholeCall('102');
    expect((await pbx.bodies()).slice(before).filter(body => body.unresolved)).toEqual([]);
    expect(await pbx.minted()).toBe(minted + 2);
  });

  test('where the PBX has one token for all its clients, those of others cost one new token each', async () => {
    await pbx.sim.post('/sim/token', { oneTokenPerPbx: true });
    await pbx.sim.post('/sim/clients', { id: 'other', secret: 'o' });
    const other = new XAPIClient(pbx.pbxUrl, 'other', 'o', { attempts: 1 });
    const minted = await pbx.minted();
    for (const dn of ['101', '102']) {
      await other.check();
      await expectWholeCall(dn);
    }
    expect(await pbx.minted()).toBe(minted + 2);
    other.stop();
  });
});

describe('§1.3: an open socket and its token', () => {
  test('a socket that outlives its token is kept, and the next question gets a new token', async () => {
    await expectWholeCall('101');
    const [sockets, minted] = [await pbx.sockets(), await pbx.minted()];
    await pbx.fault({ kind: 'expire-token' });
    await expectWholeCall('102');
    expect(await pbx.sockets()).toBe(sockets);
    expect(await pbx.minted()).toBe(minted + 1);
  });

  test('a socket that is closed with its token is dialled again with the new one, and a gap stands between', async () => {
    const dialled = await pbx.sockets();
    // A socket that holds the present token: the one before holds one that died long ago.
    await pbx.fault({ kind: 'drop' });
    await waitFor(async () => (await pbx.sockets()) > dialled, { what: 'a new socket' });
    await expectWholeCall('101');
    await pbx.sim.post('/sim/token', { closeSockets: true });
    const [sockets, minted] = [await pbx.sockets(), await pbx.minted()];
    const gaps = async () => (await pbx.bodies()).filter(body => body.reason === 'pbx_disconnected').length;
    const gapsBefore = await gaps();
    await pbx.fault({ kind: 'expire-token' });
    await waitFor(async () => (await gaps()) > gapsBefore, { what: 'the gap' });
    await expectWholeCall('103');
    expect(await pbx.sockets()).toBe(sockets + 1);
    expect(await pbx.minted()).toBe(minted + 1);
  });
});
