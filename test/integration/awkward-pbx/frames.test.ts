import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx, events } from '../fixtures/awkward-pbx.ts';
import type { Body } from '../fixtures/ingest-stand.ts';

/** What may stand in a frame, and what its entity may answer (3cx.md C3, C5, C6, §1.3). */
let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx();
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());
beforeEach(async () => {
  await pbx.mend();
  await pbx.sim.post('/sim/call-control', { attachParticipants: false });
});

type FrameTold = { event: { event_type: number; entity: string; attached_data: unknown } };
const frameOf = (body: Body) => body.data as FrameTold | null;
const entityIn = (body: Body) => frameOf(body)?.event.entity ?? null;
const once = (bodies: readonly Body[], name: string) => events(bodies).filter(event => event === name).length;

describe('C3: attached_data of an upsert is null, or it is not', () => {
  test.each([false, true])('a call is told the same while participants are attached: %s', async attachParticipants => {
    await pbx.sim.post('/sim/call-control', { attachParticipants });
    const callid = await pbx.play({
      scenario: 'inbound',
      dn: '101',
      ringMs: ASKED_MS,
      talkMs: ASKED_MS,
      number: '+4930123',
    });
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', answeredBy: '101' });
    const upserts = (await pbx.about(callid)).filter(body => frameOf(body)?.event.event_type === 0);
    expect(upserts.every(body => (frameOf(body)?.event.attached_data !== null) === attachParticipants)).toBe(true);
    expect(upserts.every(body => body.participant !== null)).toBe(true);
  });

  test('what is attached is passed on and not believed: the entity alone counts', async () => {
    const callid = await pbx.play({ scenario: 'inbound', dn: '102', ringMs: 60_000 });
    const ringing = await pbx.bodyWhere('the call', body => pbx.callOf(body)?.pbxCallId === callid);
    const attachedData = { id: 1, dn: '102', callid: 999, status: 'Connected', party_caller_id: 'nobody' };
    const entity = entityIn(ringing) ?? '';
    await pbx.sim.post('/sim/events', { eventType: 0, dn: '102', entity, attachedData });
    const claimed = await pbx.bodyWhere(
      'the frame',
      body => frameOf(body)?.event.attached_data !== null && entityIn(body) === entity,
    );
    expect(claimed).toMatchObject({ repeat: true, call: { state: 'ringing', pbxCallId: callid } });
    expect(frameOf(claimed)?.event.attached_data).toEqual(attachedData);
    await pbx.sim.post(`/sim/calls/${callid}/hangup`, {});
    await pbx.ended(callid);
  });
});

describe('C5 and C6: types of events', () => {
  test('0 to 4 have a meaning, and an answer to a request that somebody else made is passed on', async () => {
    const callid = await pbx.play({ scenario: 'dtmf', dn: '103', ringMs: ASKED_MS, talkMs: ASKED_MS, digits: '42#' });
    await pbx.ended(callid);
    const keys = (await pbx.about(callid)).filter(body => body.event === 'call.dtmf');
    expect(keys.map(body => (body as Body & { dtmf: string }).dtmf).join('')).toBe('42#');
    for (const spelling of [
      { RequestID: '1', Path: '/callcontrol' },
      { request_id: '2', path: '/callcontrol' },
    ]) {
      await pbx.sim.post('/sim/events', {
        eventType: 4,
        dn: '104',
        entity: '/callcontrol/104',
        attachedData: spelling,
      });
    }
    await pbx.sim.post('/sim/events', { eventType: 3, dn: '104', entity: '/callcontrol/104/participants/1' });
    await pbx.sim.post('/sim/devices', { dn: '104', deviceId: 'sip:104@127.0.0.1:5999', registered: true });
    const device = await pbx.bodyWhere('the device', body => body.event === 'extension.status');
    expect(device).toMatchObject({ device: { dn: '104', deviceId: 'sip:104@127.0.0.1:5999', registered: true } });
    const others = (await pbx.bodies()).filter(body => body.event === 'pbx.event');
    expect(others.map(body => frameOf(body)?.event.event_type)).toEqual([4, 4, 3]);
    expect(frameOf(others[1] as Body)?.event.attached_data).toEqual({ request_id: '2', path: '/callcontrol' });
    expect((await pbx.told()).filter(({ message }) => message.includes('of type'))).toEqual([]);
  });

  test('5 and above are passed on and told to the operator once for each type', async () => {
    for (const eventType of [5, 5, 9, 5, 9]) await pbx.sim.post('/sim/events', { eventType, dn: '104' });
    const passedOn = () =>
      pbx.bodies().then(bodies => bodies.filter(body => (frameOf(body)?.event.event_type ?? 0) > 4));
    await waitFor(async () => (await passedOn()).length === 5, { what: 'five events' });
    expect(events(await passedOn())).toEqual(Array(5).fill('pbx.event'));
    await pbx.errorLike(/events of type 9/);
    const told = (await pbx.told()).filter(({ message }) => message.includes('of type'));
    expect(told.map(({ severity, message }) => `${severity} ${/type (\d)/.exec(message)?.[1]}`)).toEqual([
      'warning 5',
      'warning 9',
    ]);
  });
});

describe('§1.3: the same upsert twice and more', () => {
  test('repeats, and those of a ringing phone every 750 ms, are flagged and count once', async () => {
    const callid = await pbx.play({ scenario: 'inbound', dn: '105', ringMs: 2_400, talkMs: ASKED_MS });
    await waitFor(async () => (await pbx.state()).active.some(call => call.callid === callid), { what: 'the call' });
    await pbx.fault({ kind: 'storm', count: 20, dn: '105' });
    await pbx.ended(callid);
    const bodies = await pbx.about(callid);
    const upserts = bodies.filter(body => frameOf(body)?.event.event_type === 0);
    const news = upserts.filter(body => body.repeat !== true);
    expect(news.map(body => (body.participant as { status: string }).status)).toEqual(['Ringing', 'Connected']);
    // 20 of the storm, and three of 2.4 s of ringing.
    expect(upserts.length - news.length).toBeGreaterThanOrEqual(23);
    for (const name of ['call.started', 'call.ringing', 'call.answered', 'call.ended']) {
      expect([name, once(bodies, name)]).toEqual([name, 1]);
    }
    const ringing = upserts.filter(body => (body.participant as { status: string }).status === 'Ringing');
    const times = [...new Set(ringing.map(body => Date.parse(body.at)))];
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(2_000);
  });
});

describe('§1.3: an entity that is gone or slow', () => {
  test('404 because it left is its remove: the call ends, once', async () => {
    await pbx.fault({ kind: 'slow', ms: 400, count: 1, path: '/callcontrol/106/participants' });
    const callid = await pbx.play({ scenario: 'missed', dn: '106', ringMs: 60 });
    await waitFor(async () => (await pbx.bodies()).some(body => body.unresolved === 'gone'), { what: 'the 404' });
    await waitFor(async () => (await pbx.played()).some(call => call.callid === callid), { what: 'its end' });
    const frames = (await pbx.bodies()).filter(body => entityIn(body)?.startsWith('/callcontrol/106/'));
    expect(frames.at(0)).toMatchObject({ unresolved: 'gone', participant: null });
    await pbx.ended(await pbx.play({ scenario: 'missed', dn: '107', ringMs: ASKED_MS }));
    expect(await pbx.openCalls()).toBe(0);
    expect((await pbx.about(callid)).filter(body => body.event === 'call.ended').length).toBeLessThanOrEqual(1);
  });

  test('404 of a participant that is still there does not end its call', async () => {
    // The usual grace: a participant is looked for before its call ends.
    const pbx = await createAwkwardPbx({ env: { INGEST_END_GRACE_MS: '2000' } });
    onTestFinished(() => pbx.stop());
    await pbx.start();
    const callid = await pbx.play({ scenario: 'inbound', dn: '108', ringMs: ASKED_MS, talkMs: 60_000 });
    await pbx.bodyWhere('the answer', body => body.event === 'call.answered');
    await pbx.fault({ kind: 'not-found', count: 1, path: '/callcontrol/108/participants' });
    await pbx.fault({ kind: 'storm', count: 1, dn: '108' });
    await pbx.bodyWhere('the 404', body => body.unresolved === 'gone');
    await pbx.bodyWhere(
      'the snapshot that shows it',
      body => body.origin === 'reconcile' && pbx.callOf(body)?.pbxCallId === callid,
    );
    await pbx.sim.post(`/sim/calls/${callid}/hangup`, {});
    expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered', reason: 'left' });
    const ends = (await pbx.about(callid)).filter(body => body.event === 'call.ended');
    expect(ends).toHaveLength(1);
  });

  test('slow answers change neither the order nor the story of the calls', async () => {
    const before = (await pbx.delivered()).length;
    await pbx.fault({ kind: 'slow', ms: 500, count: 6, path: '/callcontrol/' });
    const calls = [];
    for (const dn of ['110', '111', '112', '113']) {
      calls.push(await pbx.play({ scenario: 'inbound', dn, ringMs: ASKED_MS, talkMs: ASKED_MS }));
    }
    for (const callid of calls) expect(await pbx.ended(callid)).toMatchObject({ disposition: 'answered' });
    const delivered = await pbx.delivered();
    expect((await pbx.logged()).slice(before)).toEqual(delivered.slice(before));
  });
});
