import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from './call.ts';
import { CallModel, type ModelChange } from './call-model.ts';
import { callOf, GRACE_MS, leg, T0, unwatched, watched } from './test-legs.ts';

describe('a call', () => {
  test('from outside rings, is answered by the extension and ends as answered after the grace', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    expect(model.upsert(leg({ dn: '101', id: 1 }), watched(0)).events).toEqual(['call.started', 'call.ringing']);
    const answered = model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(5_000));
    expect(answered.events).toEqual(['call.answered']);
    expect(model.remove({ dn: '101', id: 1 }, watched(9_000)).events).toEqual(['call.updated']);
    expect(model.tick(T0 + 10_999)).toEqual([]);
    const [ended] = model.tick(T0 + 11_000);
    expect(ended && callOf(ended)).toMatchObject({
      direction: 'inbound',
      state: 'ended',
      disposition: 'answered',
      answeredBy: '101',
      startedAt: '2026-03-02T09:00:00.000Z',
      ringingAt: '2026-03-02T09:00:00.000Z',
      answeredAt: '2026-03-02T09:00:05.000Z',
      endedAt: '2026-03-02T09:00:09.000Z',
      caller: { number: '+4930123456', name: null, dn: null },
      callee: { number: '101', name: null, dn: '101' },
      legs: [],
    });
    expect(model.tick(T0 + 60_000)).toEqual([]);
  });

  test('that nobody takes is missed from outside and cancelled from inside', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, callid: 1 }), watched(0));
    model.upsert(leg({ dn: '102', id: 2, callid: 2, status: 'Dialing' }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(100));
    model.remove({ dn: '102', id: 2 }, watched(101));
    expect(model.tick(T0 + 5_000).map(change => callOf(change).disposition)).toEqual(['missed', 'cancelled']);
  });

  test('whose leg a GET does not find twice goes on, until a Remove or a snapshot says that it left', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    const notFound = (ms: number) => model.remove({ dn: '101', id: 1 }, { ...watched(ms), isGuess: true });
    notFound(1_000);
    expect(callOf(notFound(1_020)).state).toBe('ringing');
    expect(model.tick(T0 + 60_000)).toEqual([]);
    model.confirmGone(() => true, watched(60_000));
    expect(model.tick(T0 + 120_000)).toEqual([]);
    model.remove({ dn: '101', id: 1 }, watched(120_000));
    expect(model.tick(T0 + 120_000 + GRACE_MS)).toHaveLength(1);
  });

  test('between two extensions is one call, answered by the one that rang', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const inside = { party_dn_type: 'Wextension' };
    const caller = { ...inside, dn: '101', id: 1, party_dn: '102', party_caller_id: '102', party_caller_name: 'Bea' };
    const callee = {
      ...inside,
      dn: '102',
      id: 2,
      party_dn: '101',
      party_caller_id: '101',
      party_caller_name: 'Ada',
      legid: 2,
    };
    expect(model.upsert(leg({ ...caller, status: 'Dialing' }), watched(0)).events).toEqual(['call.started']);
    expect(model.upsert(leg(callee), watched(10)).events).toEqual(['call.ringing']);
    const answered = model.upsert(leg({ ...caller, status: 'Connected' }), watched(20));
    expect(answered.events).toEqual(['call.answered']);
    expect(answered.dns).toEqual(['101', '102']);
    const call = callOf(model.upsert(leg({ ...callee, status: 'Connected' }), watched(30)));
    expect(call).toMatchObject({
      direction: 'internal',
      answeredBy: '102',
      caller: { number: '101', name: 'Ada', dn: '101' },
      callee: { number: '102', name: 'Bea', dn: '102' },
    });
    expect(call.legs).toHaveLength(2);
    model.remove({ dn: '101', id: 1 }, watched(40));
    model.remove({ dn: '102', id: 2 }, watched(41));
    expect(model.tick(T0 + 41 + GRACE_MS)[0]?.dns).toEqual(['102', '101']);
  });

  test('that is handed on within the grace goes on as the same call', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(1_000));
    const moved = model.upsert(leg({ dn: '102', id: 2, referred_by_dn: '101', legid: 2 }), watched(2_999));
    expect(moved.events).toEqual(['call.transferred', 'call.ringing']);
    expect(moved.callId).toBe(first.callId);
    expect(model.tick(T0 + 60_000)).toEqual([]);
    const again = model.upsert(
      leg({ dn: '102', id: 2, referred_by_dn: '101', legid: 2, status: 'Connected' }),
      watched(4_000),
    );
    expect(callOf(again)).toMatchObject({ answeredBy: '102', answeredAt: '2026-03-02T09:00:00.000Z' });
  });

  test('whose number comes again after the grace is another call', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(10));
    expect(model.tick(T0 + 2_010)).toHaveLength(1);
    expect(model.upsert(leg({ dn: '101', id: 2 }), watched(2_020)).callId).not.toBe(first.callId);
  });

  test('that rings at three phones moves on only when one of them is taken', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const events = ['101', '102', '103'].map(
      (dn, i) => model.upsert(leg({ dn, id: i + 1, legid: i + 1 }), watched(i)).events,
    );
    expect(events).toEqual([['call.started', 'call.ringing'], ['call.updated'], ['call.updated']]);
    expect(model.upsert(leg({ dn: '102', id: 2, legid: 2, status: 'Connected' }), watched(10)).events).toEqual([
      'call.answered',
    ]);
    expect(model.remove({ dn: '101', id: 1 }, watched(11)).events).toEqual(['call.updated']);
    expect(callOf(model.remove({ dn: '103', id: 3 }, watched(12)))).toMatchObject({
      state: 'connected',
      answeredBy: '102',
    });
  });

  test('first seen in a snapshot has no times and no direction that nobody told', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const call = callOf(model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), unwatched(0)));
    expect(call).toMatchObject({ startedAt: null, answeredAt: null, direction: null, caller: { number: null } });
    const [ended] = model.tick(T0) && [model.remove({ dn: '101', id: 1 }, { ...unwatched(5), endsAtOnce: true })];
    expect(ended?.events).toEqual(['call.ended']);
    expect(ended && callOf(ended)).toMatchObject({ endedAt: null, disposition: 'answered' });
  });
});

describe('the index', () => {
  test('a repeated upsert is a repeat and changes nothing', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    const again = model.upsert(leg({ dn: '101', id: 1 }), watched(750));
    expect(again).toMatchObject({ isRepeat: true, events: ['call.updated'], state: [] });
  });

  test('a Remove of nobody is a repeat without a call', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    expect(model.remove({ dn: '101', id: 9 }, watched(0))).toMatchObject({ isRepeat: true, callJson: null, state: [] });
  });

  test('a clock that goes back an hour delays the end of a call by the grace only', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(10));
    expect(model.tick(T0 - 3_600_000)).toEqual([]);
    expect(model.tick(T0 - 3_600_000 + GRACE_MS)).toHaveLength(1);
  });

  test('a call that was refilled and left again waits behind one that was left before', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, callid: 1 }), watched(0));
    model.upsert(leg({ dn: '102', id: 2, callid: 2 }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(100));
    model.remove({ dn: '102', id: 2 }, watched(1_000));
    model.upsert(leg({ dn: '103', id: 3, callid: 1 }), watched(1_100));
    model.remove({ dn: '103', id: 3 }, watched(1_500));
    expect(model.nextDue).toBe(T0 + 3_000);
    expect(model.tick(T0 + 3_000).map(change => callOf(change).pbxCallId)).toEqual([2]);
    expect(model.tick(T0 + 3_500).map(change => callOf(change).pbxCallId)).toEqual([1]);
  });

  test('a call that an earlier process left without legs ends after the grace', () => {
    const before = new CallModel({ graceMs: GRACE_MS });
    before.upsert(leg({ dn: '101', id: 1 }), watched(0));
    const change = before.remove({ dn: '101', id: 1 }, watched(10));
    const after = new CallModel({ graceMs: GRACE_MS });
    after.load({ calls: { [change.callId ?? '']: change.callJson ?? '' }, participants: {} }, T0 + 5_000);
    const [ended] = after.tick(T0 + 7_000);
    expect(ended?.callId).toBe(change.callId);
    expect(ended && callOf(ended)).toMatchObject({ endedAt: null, disposition: null });
  });
});

type Input =
  | { kind: 'upsert'; dn: string; id: number; callid: number; status: string; referred: string }
  | { kind: 'remove'; dn: string; id: number; isGuess: boolean }
  | { kind: 'wait'; ms: number };

/** Few DNs, ids and calls, so that permutations, repetitions and losses of every kind come up. */
const anyInput: fc.Arbitrary<Input> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('upsert' as const),
      dn: fc.constantFrom('101', '102', '103'),
      id: fc.integer({ min: 1, max: 4 }),
      callid: fc.integer({ min: 1, max: 3 }),
      status: fc.constantFrom('Dialing', 'Ringing', 'Connected', 'Held', ''),
      referred: fc.constantFrom('', '101', '102'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('remove' as const),
      isGuess: fc.boolean(),
      dn: fc.constantFrom('101', '102', '103'),
      id: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }) },
);

function play(inputs: readonly Input[]) {
  const model = new CallModel({ graceMs: GRACE_MS });
  const projection = { calls: new Map<string, string>(), participants: new Map<string, string>(), recovery: new Map() };
  const changes: ModelChange[] = [];
  let now = T0;
  const take = (change: ModelChange) => {
    changes.push(change);
    for (const { of, field, value } of change.state) {
      if (value === null) projection[of].delete(field);
      else projection[of].set(field, value);
    }
  };
  for (const input of inputs) {
    now += input.kind === 'wait' ? input.ms : 1;
    for (const change of model.tick(now)) take(change);
    if (input.kind === 'remove') take(model.remove(input, { at: now, isWatched: true, isGuess: input.isGuess }));
    if (input.kind !== 'upsert') continue;
    const { dn, id, callid, status, referred } = input;
    take(model.upsert(leg({ dn, id, callid, status, referred_by_dn: referred }), { at: now, isWatched: true }));
  }
  return { model, projection, changes, now };
}

describe('over any order, repetition and loss of frames', () => {
  const inputs = fc.array(anyInput, { maxLength: 60 });

  test('each call starts once, ends once when everybody left, and nothing happens to it after its end', () => {
    fc.assert(
      fc.property(inputs, given => {
        const { model, changes, now } = play(given);
        for (const key of [...model.participants.keys()]) {
          const [dn = '', id] = key.split('/');
          changes.push(model.remove({ dn, id: Number(id) }, { at: now, isWatched: true }));
        }
        model.confirmGone(() => false, { at: now, isWatched: true });
        changes.push(...model.tick(now + GRACE_MS));
        const byCall = Map.groupBy(
          changes.filter(change => change.callId !== null),
          change => change.callId ?? '',
        );
        for (const [, ofCall] of byCall) {
          const events = ofCall.flatMap(change => change.events);
          expect(events.filter(event => event === 'call.started')).toHaveLength(1);
          expect(events[0]).toBe('call.started');
          expect(events.filter(event => event === 'call.ended')).toHaveLength(1);
          expect(events.at(-1)).toBe('call.ended');
        }
        expect([...model.calls]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('the projection written change by change is the model, and a model loaded from it is the same', () => {
    fc.assert(
      fc.property(inputs, given => {
        const { model, projection, now } = play(given);
        const calls = Object.fromEntries([...model.calls].map(call => [call.callId, JSON.stringify(call)]));
        const participants = Object.fromEntries([...model.participants].map(([key, { json }]) => [key, json]));
        expect(Object.fromEntries(projection.calls)).toEqual(calls);
        expect(Object.fromEntries(projection.participants)).toEqual(participants);
        const loaded = new CallModel({ graceMs: GRACE_MS });
        loaded.load({ calls, participants }, now);
        expect(Object.fromEntries([...loaded.calls].map(call => [call.callId, JSON.stringify(call)]))).toEqual(calls);
      }),
      { numRuns: 300 },
    );
  });

  test('what the changes told, folded in order, is the model: the log alone rebuilds it', () => {
    fc.assert(
      fc.property(inputs, given => {
        const { model, changes } = play(given);
        const told = new Map<string, Call>();
        for (const { callJson, otherCallJson } of changes) {
          for (const json of [otherCallJson, callJson]) {
            if (json === null) continue;
            const call = JSON.parse(json) as Call;
            if (call.state === 'ended') told.delete(call.callId);
            else told.set(call.callId, call);
          }
        }
        expect(Object.fromEntries(told)).toEqual(
          Object.fromEntries([...model.calls].map(call => [call.callId, JSON.parse(JSON.stringify(call))])),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('the same inputs make the same calls', () => {
    fc.assert(
      fc.property(inputs, given => {
        expect(play(given).changes).toEqual(play(given).changes);
      }),
      { numRuns: 50 },
    );
  });

  test('every state a call shows is legal: answered calls stay answered, times never move', () => {
    fc.assert(
      fc.property(inputs, given => {
        const last = new Map<string, Call>();
        for (const change of play(given).changes) {
          if (change.callJson === null) continue;
          const call = callOf(change);
          const before = last.get(call.callId);
          expect(['dialing', 'ringing', 'connected', 'held', 'ended']).toContain(call.state);
          expect(call.disposition === null).toBe(
            call.state !== 'ended' || (call.direction === null && call.answeredAt === null),
          );
          if (before?.answeredAt) expect(call.answeredAt).toBe(before.answeredAt);
          if (before) expect([call.startedAt, call.pbxCallId]).toEqual([before.startedAt, before.pbxCallId]);
          last.set(call.callId, call);
        }
      }),
      { numRuns: 300 },
    );
  });
});
