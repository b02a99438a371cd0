import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { ASKED_MS, type AwkwardPbx, createAwkwardPbx, events } from '../fixtures/awkward-pbx.ts';

/** The flows of 3cx.md §1.6 from the frame to what the log says of the call, against the simulator's own account. */
let pbx: AwkwardPbx;

beforeAll(async () => {
  pbx = await createAwkwardPbx({ env: { INGEST_END_GRACE_MS: '500', INGEST_QUEUE_LOOK_MS: '500' } });
  await pbx.start();
  await pbx.connected();
});
afterAll(() => pbx.stop());

/** Plays a call to its end: what was told, and what was true. */
async function follow(wish: object) {
  const callid = await pbx.play(wish);
  const call = await pbx.ended(callid);
  const truth = await waitFor(async () => (await pbx.played()).find(each => each.callid === callid), {
    what: 'the account of the simulator',
  });
  expect(call).toMatchObject({ direction: truth.direction, disposition: truth.disposition, reason: 'left' });
  const bodies = await pbx.about(callid);
  expect(events(bodies).filter(event => event === 'call.ended')).toHaveLength(1);
  // Of a phone that rang in several rounds its last word counts.
  const outcomes = Object.fromEntries(call.formerLegs.map(({ dn, outcome }) => [dn, outcome]));
  return { callid, call, truth, outcomes, names: events(bodies) };
}

describe.concurrent('§1.6: whole calls', () => {
  test.each([false, true])(
    'a queue: one answers, the others are answered_elsewhere (removes first: %s)',
    async removeFirst => {
      // Phones of their own for each: they are played side by side.
      const agents = removeFirst ? ['119', '120', '121'] : ['101', '102', '103'];
      const [first = '', second = '', third = ''] = agents;
      const { call, truth, outcomes, names } = await follow({
        ...{
          scenario: 'queue',
          queue: '800',
          agents,
          answeredBy: second,
          rounds: 0,
          removeFirst,
          ringMs: ASKED_MS,
          talkMs: ASKED_MS,
        },
      });
      expect(call).toMatchObject({ answeredBy: second, via: { dn: '800', type: 'queue' } });
      expect(outcomes).toEqual(truth.targets);
      expect(outcomes).toEqual({ [first]: 'answered_elsewhere', [second]: 'answered', [third]: 'answered_elsewhere' });
      expect(names).toEqual(expect.arrayContaining(['queue.offered', 'queue.answered']));
    },
  );

  test('a queue that nobody answers is abandoned by its caller after all rounds', async () => {
    const { call, outcomes, names } = await follow({
      ...{ scenario: 'queue', queue: '801', agents: ['104', '105'], rounds: 1, answered: false, ringMs: ASKED_MS },
    });
    expect(call).toMatchObject({ disposition: 'abandoned', answeredBy: null, via: { dn: '801', type: 'queue' } });
    expect(outcomes).toEqual({ 104: 'missed', 105: 'missed' });
    expect(names).toContain('queue.abandoned');
    expect(names).not.toContain('call.answered');
  });

  test('a caller who waits in a queue while all agents are on the phone is one call, from the first offer to the answer', async () => {
    const { call, names } = await follow({
      ...{ scenario: 'queue', queue: '800', agents: ['122', '123'], answeredBy: '123', rounds: 1, pauseMs: 4_000 },
      ...{ ringMs: ASKED_MS, talkMs: ASKED_MS },
    });
    expect(call).toMatchObject({ disposition: 'answered', answeredBy: '123' });
    expect(names.filter(event => event === 'call.started')).toHaveLength(1);
    expect(names).not.toContain('queue.abandoned');
  });

  test('a caller who gives up in a queue has abandoned it while another with his number talks on', async () => {
    const queue = { scenario: 'queue', queue: '800', number: '+493055500', ringMs: ASKED_MS };
    const talking = await pbx.play({ ...queue, agents: ['126'], answeredBy: '126', rounds: 0, talkMs: 60_000 });
    const { call, names } = await follow({ ...queue, agents: ['124', '125'], rounds: 1, answered: false });
    expect(call).toMatchObject({ disposition: 'abandoned', endedAt: expect.any(String) });
    expect(names).toContain('queue.abandoned');
    expect(events(await pbx.about(talking))).not.toContain('call.ended');
    await pbx.sim.post(`/sim/calls/${talking}/hangup`, {});
    expect(await pbx.ended(talking)).toMatchObject({ disposition: 'answered', answeredBy: '126' });
  });

  test('a ring group: one answers, and nobody takes it for a queue', async () => {
    const { call, outcomes, names } = await follow({
      ...{
        scenario: 'ringGroup',
        ringGroup: '810',
        agents: ['106', '107'],
        answeredBy: '106',
        ringMs: ASKED_MS,
        talkMs: ASKED_MS,
      },
    });
    expect(call).toMatchObject({ answeredBy: '106', via: { dn: '810', type: 'ring_group' } });
    expect(outcomes).toEqual({ 106: 'answered', 107: 'answered_elsewhere' });
    expect(names.filter(name => name.startsWith('queue.'))).toEqual([]);
  });

  test('a blind transfer stays one call, and is told', async () => {
    const { call, names } = await follow({
      ...{
        scenario: 'transfer',
        dn: '108',
        transferTo: '109',
        transferAnswered: true,
        ringMs: ASKED_MS,
        talkMs: 2 * ASKED_MS,
      },
    });
    expect(names).toContain('call.transferred');
    expect(call.formerLegs.map(({ dn }) => dn)).toEqual(['108', '109']);
  });

  test('a consultation and its transfer are two calls of one conversation, seen to join', async () => {
    const first = await pbx.play({
      ...{ scenario: 'consult', dn: '110', transferTo: '111', ringMs: ASKED_MS, talkMs: 3 * ASKED_MS },
    });
    const call = await pbx.ended(first);
    const second = await pbx.bodyWhere('the consultation', body => {
      const told = pbx.callOf(body);
      return body.event === 'call.ended' && told?.conversationId === call.conversationId && told.pbxCallId !== first;
    });
    const consultation = pbx.callOf(second);
    expect((await pbx.played()).find(each => each.callid === consultation?.pbxCallId)?.direction).toBe('internal');
    expect(consultation?.callId).not.toBe(call.callId);
    expect([call.linked, consultation?.linked]).toContain('observed');
    expect(call.disposition).toBe('answered');
  });

  test('keys are told as they were pressed, and are no change of the call', async () => {
    const { callid, call } = await follow({
      scenario: 'dtmf',
      dn: '112',
      ringMs: ASKED_MS,
      talkMs: ASKED_MS,
      digits: '1*0#',
    });
    const keys = (await pbx.about(callid)).filter(body => body.event === 'call.dtmf');
    expect(keys.map(body => (body as typeof body & { dtmf: string }).dtmf)).toEqual(['1', '*', '0', '#']);
    expect(call.disposition).toBe('answered');
  });

  test('busy, failed, missed, cancelled and internal calls are what they are as far as frames tell', async () => {
    const shapes = [
      { scenario: 'outbound', dn: '113', ringMs: ASKED_MS, talkMs: ASKED_MS },
      { scenario: 'missed', dn: '114', ringMs: ASKED_MS },
      { scenario: 'internal', dn: '115', number: '116', ringMs: ASKED_MS, talkMs: ASKED_MS },
      { scenario: 'inbound', dn: '117', ringMs: ASKED_MS, talkMs: ASKED_MS },
    ];
    await Promise.all(shapes.map(follow));
    // Only the records tell a busy line from one that was given up; until then it is the second.
    const busy = await pbx.ended(await pbx.play({ scenario: 'busy', dn: '118', ringMs: ASKED_MS }));
    expect(busy).toMatchObject({ direction: 'outbound', answeredAt: null });
  });
});

test('none of them stays open', async () => {
  expect(await pbx.openCalls()).toBe(0);
});
