import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XAPIClient } from '@3cx-relay/ingest/pbx/xapi/xapi-client.ts';
import { afterAll, describe, expect, test } from 'vitest';
import { databaseUrl } from '../../harness/infra-access.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { iniPath } from '../../simulator/database/ini-file.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx, events } from '../fixtures/awkward-pbx.ts';

/** Records under either name, from XAPI, and what they heal (3cx.md C7, C10, §1.3, §3.2). */
const env = { INGEST_RECORDS_DELAYS_MS: '200,900,2000' };
const lateness = { minMs: 0, maxMs: 300, updatedShare: 0.2 };

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function create(layout: 'v20' | 'spec' | null): Promise<AwkwardPbx> {
  let pbx: AwkwardPbx;
  if (layout === null) {
    pbx = await createAwkwardPbx({ env, simulator: { lateness } });
  } else {
    const iniDir = await mkdtemp(join(tmpdir(), 'awkward-pbx-'));
    stops.push(() => rm(iniDir, { recursive: true, force: true }));
    const name = `database_${randomBytes(5).toString('hex')}`;
    const database = { adminUrl: databaseUrl(), name, layout, iniDir, isDroppedAtStop: true };
    pbx = await createAwkwardPbx({
      env: { ...env, PBX_INI: iniPath(iniDir, layout) },
      simulator: { lateness, database },
    });
    await waitFor(async () => ((await pbx.sim.get('/sim/database')).body as { state: string }).state === 'ready', {
      what: "the PBX's database",
    });
  }
  stops.push(() => pbx.stop());
  return pbx;
}

async function open(layout: 'v20' | 'spec' | null): Promise<AwkwardPbx> {
  const pbx = await create(layout);
  await pbx.start();
  await pbx.connected();
  return pbx;
}

describe.concurrent.each([
  { layout: 'v20', of: 'C7: cdroutput' },
  { layout: 'spec', of: 'C7: cdr_output' },
  { layout: null, of: 'C10: XAPI, where there is no database and CallHistoryView is stale' },
] as const)('$of', ({ layout }) => {
  test('completes a call that was watched, and recovers the one that began and ended in an outage', async () => {
    const pbx = await open(layout);
    const watched = await pbx.play({
      scenario: 'inbound',
      dn: '101',
      number: '+493011',
      ringMs: ASKED_MS,
      talkMs: ASKED_MS,
    });
    await pbx.ended(watched);
    await pbx.fault({ kind: 'drop', ms: 2_600 });
    await waitFor(async () => (await pbx.openSockets()) === 0, { what: 'the outage', everyMs: 5 });
    const unseen = await pbx.play({ scenario: 'inbound', dn: '102', number: '+493022', ringMs: 60, talkMs: 1_100 });
    const busy = await pbx.play({ scenario: 'missed', dn: '103', number: '+493033', ringMs: 200 });
    await waitFor(async () => (await pbx.played()).length === 3, { what: 'the calls to end' });
    const fromRecords = async () =>
      (await pbx.bodies()).filter(body => body.origin === 'cdr' && events([body]).includes('call.ended'));
    await waitFor(async () => (await fromRecords()).length >= 2, { what: 'the recovered calls' });
    const finalized = await pbx.bodyWhere('the completed call', body => body.event === 'call.finalized');

    const truth = new Map((await pbx.played()).map(call => [call.callid, call]));
    expect(pbx.callOf(finalized)).toMatchObject({
      pbxCallId: watched,
      disposition: 'answered',
      // XAPI does not know which number was called.
      did: layout === null ? null : expect.stringMatching(/\d/),
    });
    const recovered = (await fromRecords()).map(body => pbx.callOf(body));
    expect(recovered.map(call => call?.disposition).sort()).toEqual(['answered', 'missed']);
    if (layout === 'v20') {
      expect(pbx.callOf(finalized)?.cdr?.callHistoryId).toBe(truth.get(watched)?.callHistoryId);
      expect(new Set(recovered.map(call => call?.cdr?.callHistoryId))).toEqual(
        new Set([unseen, busy].map(callid => truth.get(callid)?.callHistoryId)),
      );
    }
    const bodies = await pbx.bodies();
    const gapAt = bodies.findIndex(body => body.reason === 'pbx_disconnected');
    const gap = bodies[gapAt];
    for (const body of await fromRecords()) {
      const call = pbx.callOf(body);
      expect(body).toMatchObject({ origin: 'cdr', data: null });
      expect(bodies.findIndex(each => pbx.callOf(each)?.callId === call?.callId)).toBeGreaterThan(gapAt);
      expect(Date.parse(call?.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(gap?.from ?? ''));
      expect(Date.parse(call?.endedAt ?? '')).toBeLessThanOrEqual(Date.parse(gap?.to ?? '') + 1_000);
    }
    await pbx.errorLike(/2 calls inside an outage were recovered/);
    expect(await fromRecords()).toHaveLength(2);
  });
});

describe.concurrent('C10: CallHistoryView', () => {
  test.each(['stale', 'broken'] as const)('that is %s is passed over for GetCallLogData', async callHistory => {
    const pbx = await create(null);
    await pbx.sim.post('/sim/xapi', { callHistory });
    await pbx.play({ scenario: 'inbound', dn: '101', ringMs: 100, talkMs: 100 });
    await waitFor(async () => (await pbx.played()).length === 1, { what: 'the call to end' });
    await pbx.sim.post('/sim/clients', { id: 'reader', secret: 's' });
    const xapi = new XAPIClient(pbx.pbxUrl, 'reader', 's');
    stops.push(() => xapi.stop());
    const newest = async () => {
      const sources = new Set<string>();
      for await (const row of xapi.callHistory(new Date(Date.now() - 60_000), new Date())) sources.add(row.source);
      return [...sources];
    };
    await waitFor(async () => (await newest()).length > 0, { what: 'the newest rows' });
    expect(await newest()).toEqual(['ReportCallLogData']);
  });
});
