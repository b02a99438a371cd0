import { describe, expect, test } from 'vitest';
import { CallModel } from '../call-model/call-model.ts';
import { type Participant, parseParticipant } from '../pbx/callcontrol/participant.ts';
import { findDifferences } from './reconcile.ts';

const watched = { at: Date.UTC(2026, 2, 2), isWatched: true };
const NOTHING: ReadonlySet<string> = new Set();

function leg(dn: string, id: number, more: object = {}): Participant {
  const fields = {
    dn,
    id,
    callid: 10,
    legid: 1,
    status: 'Connected',
    party_dn: '10007',
    party_caller_id: '+49',
    ...more,
  };
  const parsed = parseParticipant(fields, { dn });
  if (!parsed) throw new Error('the test made no participant');
  return parsed;
}

function modelWith(...legs: Participant[]): CallModel {
  const model = new CallModel({ graceMs: 2_000 });
  for (const each of legs) model.upsert(each, watched);
  return model;
}

const names = (steps: ReturnType<typeof findDifferences>['steps']) =>
  steps.map(step =>
    step.kind === 'upsert' ? `+${step.participant.dn}/${step.participant.id}` : `-${step.dn}/${step.id}`,
  );
const compare = (model: CallModel, now: Participant[], touched = NOTHING, isAfterGap = true) =>
  findDifferences(model, { dns: [], participants: now }, { isAfterGap, touched });

describe('a snapshot', () => {
  test('that shows what is known tells nothing, whatever the order of its fields', () => {
    const reordered = parseParticipant(
      { party_caller_id: '+49', party_dn: '10007', status: 'Connected', legid: 1, callid: 10, id: 1, dn: '101' },
      { dn: '101' },
    );
    expect(compare(modelWith(leg('101', 1)), reordered ? [reordered] : []).steps).toEqual([]);
  });

  test('tells arrivals before departures, so that a call that was handed on never stands empty', () => {
    const model = modelWith(leg('101', 1));
    expect(names(compare(model, [leg('102', 2, { legid: 2 })]).steps)).toEqual(['+102/2', '-101/1']);
  });

  test('says nothing of participants that frames told about meanwhile', () => {
    const model = modelWith(leg('101', 1));
    const touched = new Set(['101/1', '102/2']);
    expect(compare(model, [leg('102', 2)], touched, false).steps).toEqual([]);
  });
});

describe('a restart of the PBX', () => {
  test.each([
    ['a leg that was connected and rings again', leg('101', 5, { status: 'Ringing' })],
    ['another leg number under the same participant', leg('101', 5, { legid: 4 })],
    ['another party on both counts', leg('101', 5, { party_dn: '10008', party_caller_id: '+33' })],
    ['a lower call number under the same participant', leg('101', 5, { callid: 2 })],
    ['numbers that were given before', leg('102', 3, { callid: 2 })],
  ])('is recognised by %s, and what was is over before what is begins', (_, now) => {
    const differences = compare(modelWith(leg('101', 5)), [now]);
    expect(differences.isRestart).toBe(true);
    expect(names(differences.steps)).toEqual(['-101/5', `+${now.dn}/${now.id}`]);
  });

  test.each([
    ['a leg that goes on', leg('101', 5)],
    ['a leg whose party was exchanged by a transfer', leg('101', 5, { party_caller_id: '+33' })],
    ['a participant that moved to a newer call', leg('101', 5, { callid: 11 })],
    ['new participants with new numbers', leg('102', 6, { callid: 11 })],
    ['another leg of a known call', leg('102', 4)],
  ])('is not seen in %s', (_, now) => {
    expect(compare(modelWith(leg('101', 5)), [now]).isRestart).toBe(false);
  });

  test('is not seen in a leg that moved to an older call that is known: the end of a consultation', () => {
    const model = modelWith(leg('101', 5), leg('101', 6, { callid: 11 }), leg('102', 7, { callid: 11, legid: 2 }));
    expect(compare(model, [leg('102', 7, { callid: 10, legid: 3 })]).isRestart).toBe(false);
  });

  test('is not seen in one number that frames missed, while others go on', () => {
    const model = modelWith(leg('101', 5), leg('102', 9, { callid: 12 }));
    const missed = leg('103', 7, { callid: 11 });
    expect(compare(model, [leg('101', 5), missed]).isRestart).toBe(false);
    expect(compare(model, [missed]).isRestart).toBe(true);
  });

  test('is recognised when every leg has another party, which a transfer does to one of them', () => {
    const model = modelWith(leg('101', 5), leg('102', 6, { callid: 11 }));
    const others = [leg('101', 5, { party_caller_id: '+33' }), leg('102', 6, { callid: 11, party_caller_id: '+34' })];
    expect(compare(model, others).isRestart).toBe(true);
    expect(compare(model, [leg('101', 5), ...others.slice(1)]).isRestart).toBe(false);
  });

  test('is not looked for while the connection stood', () => {
    expect(compare(modelWith(leg('101', 5)), [leg('101', 5, { status: 'Ringing' })], NOTHING, false).isRestart).toBe(
      false,
    );
  });
});
