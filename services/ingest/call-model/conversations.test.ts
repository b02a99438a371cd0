import { describe, expect, test } from 'vitest';
import { CallModel } from './call-model.ts';
import { callOf, GRACE_MS, leg, T0, unwatched, watched } from './test-legs.ts';

describe('calls that a transfer joins', () => {
  const inside = { party_dn_type: 'Wextension', party_caller_id: '102', party_dn: '102' };

  test('are one conversation, observed, when a leg moves from one to the other', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1, status: 'Connected', callid: 5 }), watched(0));
    model.upsert(leg({ ...inside, dn: '101', id: 2, callid: 6, status: 'Dialing' }), watched(100));
    model.upsert(leg({ ...inside, dn: '102', id: 3, callid: 6, status: 'Connected', legid: 2 }), watched(200));
    model.remove({ dn: '101', id: 2 }, watched(300));
    const moved = model.upsert(leg({ dn: '102', id: 3, callid: 5, status: 'Connected', legid: 7 }), watched(301));
    expect(moved.events[0]).toBe('call.transferred');
    expect(moved.callId).toBe(first.callId);
    expect(JSON.parse(moved.otherCallJson ?? 'null')).toMatchObject({
      pbxCallId: 6,
      conversationId: first.callId,
      linked: 'observed',
      legs: [],
    });
    expect(callOf(moved)).toMatchObject({ conversationId: first.callId, linked: null });
    const [ended] = model.tick(T0 + 301 + GRACE_MS);
    expect(callOf(ended)).toMatchObject({ pbxCallId: 6, conversationId: first.callId, state: 'ended' });
  });

  test('are one conversation, inferred, when the new one names an extension of the old one', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1, status: 'Connected', callid: 5 }), watched(0));
    model.upsert(leg({ dn: '104', id: 9, callid: 8, party_caller_id: '+4940' }), watched(1));
    const next = model.upsert(leg({ dn: '102', id: 2, callid: 6, referred_by_dn: '101' }), watched(1_000));
    expect(callOf(next)).toMatchObject({ conversationId: first.callId, linked: 'inferred' });
    expect(next.callId).not.toBe(first.callId);
  });

  test('are one conversation, inferred, when an answered call’s outside party appears elsewhere within the grace', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, callid: 5 }), watched(0));
    const first = model.upsert(leg({ dn: '101', id: 1, status: 'Connected', callid: 5 }), watched(10));
    model.remove({ dn: '101', id: 1 }, watched(1_000));
    const next = model.upsert(leg({ dn: '102', id: 2, callid: 6 }), watched(1_500));
    expect(callOf(next)).toMatchObject({ conversationId: first.callId, linked: 'inferred' });
  });

  test.each([
    ['of another number', { party_caller_id: '+49309999' }, 1_500],
    ['after the grace', {}, 1_000 + GRACE_MS],
  ])('but a call %s is a conversation of its own', (_, fields, ms) => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, callid: 5 }), watched(0));
    model.upsert(leg({ dn: '101', id: 1, status: 'Connected', callid: 5 }), watched(10));
    model.remove({ dn: '101', id: 1 }, watched(1_000));
    model.tick(T0 + ms);
    const next = model.upsert(leg({ dn: '102', id: 2, callid: 6, ...fields }), watched(ms));
    expect(callOf(next)).toMatchObject({ conversationId: next.callId, linked: null });
  });

  test('nor does a caller who tries again after nobody answered continue anything', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, callid: 5 }), watched(0));
    model.remove({ dn: '101', id: 1 }, watched(1_000));
    expect(callOf(model.upsert(leg({ dn: '101', id: 2, callid: 6 }), watched(1_500))).linked).toBeNull();
  });

  test('and what a snapshot reveals is not inferred from circumstances nobody watched', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, status: 'Connected', callid: 5 }), watched(0));
    const next = model.upsert(leg({ dn: '102', id: 2, callid: 6, referred_by_dn: '101' }), unwatched(1_000));
    expect(callOf(next).linked).toBeNull();
  });
});

describe('a hold', () => {
  test('is told when the PBX says so, and so is its end', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(0));
    const held = model.upsert(leg({ dn: '101', id: 1, status: 'Held' }), watched(10));
    expect([held.events, callOf(held).state]).toEqual([['call.held'], 'held']);
    expect(model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(20)).events).toEqual(['call.resumed']);
  });

  test('is never guessed from a status nobody knows', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(0));
    const odd = model.upsert(leg({ dn: '101', id: 1, status: 'Parked' }), watched(10));
    expect([odd.events, callOf(odd).state]).toEqual([['call.updated'], 'connected']);
  });
});

describe('a call that a snapshot ends', () => {
  test('was reconciled, at once after an outage and after the grace otherwise', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.upsert(leg({ dn: '102', id: 2, callid: 2 }), watched(0));
    const atOnce = model.remove({ dn: '101', id: 1 }, { ...unwatched(10), isReconciled: true, endsAtOnce: true });
    expect(callOf(atOnce)).toMatchObject({ reason: 'reconciled', endedAt: null });
    model.remove({ dn: '102', id: 2 }, { ...watched(10), isReconciled: true });
    expect(callOf(model.tick(T0 + 10 + GRACE_MS)[0])).toMatchObject({ reason: 'reconciled', state: 'ended' });
  });

  test('and its number used again in the same millisecond give two call ids', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1 }), unwatched(0));
    model.remove({ dn: '101', id: 1 }, { ...unwatched(0), isReconciled: true, endsAtOnce: true });
    expect(model.upsert(leg({ dn: '101', id: 1 }), unwatched(0)).callId).not.toBe(first.callId);
  });
});

describe('a participant that a GET did not find', () => {
  const guess = (ms: number) => ({ ...watched(ms), isGuess: true });

  test('leaves, but its call does not end by the grace alone', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    expect(callOf(model.remove({ dn: '101', id: 1 }, guess(10))).legs).toEqual([]);
    expect([model.nextDue, model.tick(T0 + 60_000)]).toEqual([null, []]);
  });

  test('has left when a Remove says so, and the call ends once after the grace', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.remove({ dn: '101', id: 1 }, guess(10));
    expect(model.remove({ dn: '101', id: 1 }, watched(500))).toMatchObject({
      isRepeat: true,
      events: ['call.updated'],
    });
    expect(model.tick(T0 + 499 + GRACE_MS)).toEqual([]);
    expect(callOf(model.tick(T0 + 500 + GRACE_MS)[0])).toMatchObject({ state: 'ended', reason: 'left' });
    expect(model.tick(T0 + 60_000)).toEqual([]);
  });

  test('has left when a snapshot does not show it, and has not when it does', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.remove({ dn: '101', id: 1 }, guess(10));
    model.confirmGone(key => key === '101/1', watched(1_000));
    expect(model.nextDue).toBeNull();
    model.confirmGone(() => false, watched(2_000));
    expect(model.nextDue).toBe(T0 + 2_000 + GRACE_MS);
  });

  test('was there after all when it is seen again: the call goes on as the same', () => {
    const model = new CallModel({ graceMs: GRACE_MS });
    const first = model.upsert(leg({ dn: '101', id: 1 }), watched(0));
    model.remove({ dn: '101', id: 1 }, guess(10));
    const again = model.upsert(leg({ dn: '101', id: 1, status: 'Connected' }), watched(5_000));
    expect([again.callId, again.events]).toEqual([first.callId, ['call.answered']]);
    model.confirmGone(() => false, watched(6_000));
    expect(model.nextDue).toBeNull();
  });
});

test('a snapshot between two agents of a queue does not end the call: the next one rings under the same id', () => {
  const queue = { originated_by_dn: '800', originated_by_type: 'Wqueue' };
  const model = new CallModel({ graceMs: GRACE_MS });
  const first = model.upsert(leg({ dn: '101', id: 1, ...queue }), watched(0));
  const seen = { ...unwatched(10), isReconciled: true, endsAtOnce: true };
  expect(model.remove({ dn: '101', id: 1 }, seen).events).toEqual(['call.updated']);
  expect(model.upsert(leg({ dn: '102', id: 2, ...queue }), watched(1_000)).callId).toBe(first.callId);
});
