import { describe, expect, test } from 'vitest';
import { CallModel } from './call-model.ts';
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
    expect(new Set(ended?.dns)).toEqual(new Set(['101', '102', '103']));
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
