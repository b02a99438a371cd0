import { describe, expect, test } from 'vitest';
import { CallModel, type QueuedCall } from './call-model.ts';
import { callOf, GRACE_MS, leg, T0, watched } from './test-legs.ts';

const offered = { originated_by_dn: '800', originated_by_type: 'Wqueue' };

function offeredTo(dns: readonly string[], fields: object = offered): CallModel {
  const model = new CallModel({ graceMs: GRACE_MS });
  for (const [i, dn] of dns.entries()) model.upsert(leg({ dn, id: i + 1, legid: i + 4, ...fields }), watched(i));
  return model;
}

function endOf(model: CallModel, ms: number) {
  return model.tick(T0 + ms + GRACE_MS)[0];
}

const outcomes = (change: Parameters<typeof callOf>[0]) =>
  Object.fromEntries(callOf(change).formerLegs.map(former => [former.dn, former.outcome]));

describe('a call through a queue', () => {
  test('is offered by the queue, then rings, and the first answer is the queue’s, too', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const ringing = model.upsert(leg({ dn: '101', id: 1, ...offered }), watched(0));
    expect(ringing.events).toEqual(['call.started', 'queue.offered', 'call.ringing']);
    expect(callOf(ringing).via).toEqual({ dn: '800', type: 'queue' });
    const answered = model.upsert(leg({ dn: '101', id: 1, status: 'Connected', ...offered }), watched(10));
    expect(answered.events).toEqual(['queue.answered', 'call.answered']);
    model.upsert(leg({ dn: '102', id: 2, referred_by_dn: '101', referred_by_type: 'Wextension' }), watched(20));
    model.remove({ dn: '101', id: 1 }, watched(25));
    const again = model.upsert(
      leg({ dn: '102', id: 2, status: 'Connected', referred_by_dn: '101', referred_by_type: 'Wextension' }),
      watched(30),
    );
    expect(again.events).toEqual(['call.answered']);
  });

  test.each([
    ['told to stop after the answer', true],
    ['told to stop just before the answer', false],
  ])('leaves the others, %s, with answered_elsewhere', (_, answerFirst) => {
    const model = offeredTo(['101', '102', '103']);
    const answer = () =>
      model.upsert(leg({ dn: '102', id: 2, legid: 5, status: 'Connected', ...offered }), watched(5_000));
    if (answerFirst) answer();
    model.remove({ dn: '101', id: 1 }, watched(4_999));
    model.remove({ dn: '103', id: 3 }, watched(5_000));
    if (!answerFirst) answer();
    model.remove({ dn: '102', id: 2 }, watched(9_000));
    const ended = endOf(model, 9_000);
    expect(outcomes(ended)).toEqual({ '101': 'answered_elsewhere', '102': 'answered', '103': 'answered_elsewhere' });
    expect(callOf(ended)).toMatchObject({ disposition: 'answered', answeredBy: '102', reason: 'left' });
    expect(new Set(ended?.dns)).toEqual(new Set(['101', '102', '103', '800']));
  });

  test('that asks one agent after the other ends with those missed who let it ring', () => {
    const model = offeredTo(['101']);
    model.remove({ dn: '101', id: 1 }, watched(15_000));
    model.upsert(leg({ dn: '102', id: 2, legid: 5, ...offered }), watched(16_900));
    model.upsert(leg({ dn: '102', id: 2, legid: 5, status: 'Connected', ...offered }), watched(20_000));
    model.remove({ dn: '102', id: 2 }, watched(30_000));
    expect(outcomes(endOf(model, 30_000))).toEqual({ '101': 'missed', '102': 'answered' });
  });

  test('that nobody takes is abandoned', () => {
    const model = offeredTo(['101', '102']);
    model.remove({ dn: '101', id: 1 }, watched(10));
    model.remove({ dn: '102', id: 2 }, watched(11));
    const ended = endOf(model, 11);
    expect(ended?.events).toEqual(['queue.abandoned', 'call.ended']);
    expect(callOf(ended)).toMatchObject({ disposition: 'abandoned', answeredBy: null });
    expect(outcomes(ended)).toEqual({ '101': 'missed', '102': 'missed' });
  });

  test('is not transferred when the queue names itself as the one who refers', () => {
    const model = offeredTo(['101'], { referred_by_dn: '800', referred_by_type: 'Wqueue' });
    const next = model.upsert(
      leg({ dn: '102', id: 2, referred_by_dn: '800', referred_by_type: 'Wqueue' }),
      watched(10),
    );
    expect(next.events).toEqual(['call.updated']);
  });
});

describe('a caller whom no agent rings for, where the PBX can be asked', () => {
  const waiting = () => {
    const model = new CallModel({ graceMs: GRACE_MS, asksQueues: true });
    const { callId } = model.upsert(leg({ dn: '101', id: 1, ...offered }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(15_000));
    return { model, callId, queued: [...model.queued()][0] as QueuedCall };
  };

  test('waits on in the queue however long, and the next agent rings in the same call', () => {
    const { model, callId, queued } = waiting();
    expect([model.tick(T0 + 3_600_000), model.nextDue]).toEqual([[], null]);
    const rings = model.upsert(leg({ dn: '102', id: 2, ...offered }), watched(90_000));
    expect([rings.callId, [...model.queued()]]).toEqual([callId, []]);
    // An answer from before he was offered again.
    expect(model.endInQueue(queued, { wasElsewhere: false })).toBeNull();
  });

  test('has abandoned the queue when the PBX does not know him any more, at the moment the last phone fell silent', () => {
    const { model, queued } = waiting();
    const ended = model.endInQueue(queued, { wasElsewhere: false });
    expect(ended?.events).toEqual(['queue.abandoned', 'call.ended']);
    expect(callOf(ended ?? undefined).endedAt).toBe(new Date(T0 + 15_000).toISOString());
    expect([...model.queued(), ...model.calls]).toEqual([]);
  });

  test('was with somebody whom we do not see, and nothing is said of how that ended', () => {
    const { model, queued } = waiting();
    const ended = model.endInQueue(queued, { wasElsewhere: true });
    expect(ended?.events).toEqual(['call.ended']);
    expect(callOf(ended ?? undefined)).toMatchObject({ disposition: null, endedAt: null, reason: 'reconciled' });
  });
});

test('a call that comes back under its number goes on in the same conversation, and a stranger’s does not', () => {
  const model = new CallModel({ graceMs: GRACE_MS });
  const first = model.upsert(leg({ dn: '101', id: 1 }), watched(0));
  model.remove({ dn: '101', id: 1 }, watched(5_000));
  model.tick(T0 + 60_000);
  const back = callOf(model.upsert(leg({ dn: '102', id: 2 }), watched(90_000)));
  expect(back.callId).not.toBe(first.callId);
  expect(back).toMatchObject({ conversationId: first.callId, linked: 'observed' });
  model.remove({ dn: '102', id: 2 }, watched(95_000));
  model.tick(T0 + 120_000);
  const stranger = callOf(model.upsert(leg({ dn: '102', id: 3, party_caller_id: '+4989999' }), watched(130_000)));
  expect(stranger.conversationId).toBe(stranger.callId);
});

test('a ring group that nobody answers is missed, and no queue is spoken of', () => {
  const model = offeredTo(['101', '102'], { originated_by_dn: '810', originated_by_type: 'Wringgroup' });
  expect(callOf(model.remove({ dn: '101', id: 1 }, watched(10))).via).toEqual({ dn: '810', type: 'ring_group' });
  model.remove({ dn: '102', id: 2 }, watched(11));
  const ended = endOf(model, 11);
  expect(ended?.events).toEqual(['call.ended']);
  expect(callOf(ended).disposition).toBe('missed');
});

test('a queue that offers a call two hundred times keeps the latest legs only', () => {
  const model = new CallModel({ graceMs: GRACE_MS });
  for (let id = 1; id <= 200; id += 1) {
    model.upsert(leg({ dn: '101', id, legid: id, ...offered }), watched(id * 10));
    model.remove({ dn: '101', id }, watched(id * 10 + 5));
  }
  const { formerLegs } = callOf(endOf(model, 2_005));
  expect(formerLegs).toHaveLength(32);
  expect(formerLegs.at(-1)?.participantId).toBe(200);
});
