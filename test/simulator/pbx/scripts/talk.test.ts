import { expect, test } from 'vitest';
import { chainOf, createOffice, storyOf } from '../fixtures/office.ts';
import { DTMF, PROMPT_FINISHED } from '../switchboard.ts';

test('a blind transfer is gone on the old DN and new on the other, with who referred it', () => {
  const { clock, engine, heard, planner, segments, lastRecord } = createOffice();
  engine.start(planner.complete({ scenario: 'transfer', dn: '101', transferTo: '102', ringMs: 1000, talkMs: 2000 }));
  clock.advance(20_000);
  expect(storyOf(heard)).toEqual([
    '101 Ringing',
    '101 Connected',
    '101 gone',
    '102 Ringing',
    '102 Connected',
    '102 gone',
  ]);
  expect(heard.find(({ dn }) => dn === '102')?.participant).toMatchObject({ callid: 1, referred_by_dn: '101' });
  expect(lastRecord()).toMatchObject({
    transferredTo: '102',
    disposition: 'answered',
    targets: { 101: 'answered', 102: 'answered' },
  });
  expect(chainOf(segments).slice(1)).toEqual([
    '10007→101 divert/by_did continued_in/none answered',
    expect.stringMatching(/^10007→102 transfer\/none (src|dst)_participant_terminated\/none answered$/),
  ]);
});

test('a transfer that nobody takes leaves the call answered and its target missed', () => {
  const { clock, engine, planner, lastRecord } = createOffice();
  engine.start(planner.complete({ scenario: 'transfer', dn: '101', transferTo: '102', transferAnswered: false }));
  clock.advance(4_000_000);
  expect(lastRecord()).toMatchObject({ disposition: 'answered', targets: { 101: 'answered', 102: 'missed' } });
});

test('busy and failed look alike in frames and differ in the record and the detail records', () => {
  const stories = (['busy', 'failed'] as const).map(scenario => {
    const { clock, engine, heard, planner, segments, lastRecord } = createOffice();
    engine.start(planner.complete({ scenario, dn: '101', number: '+442079460123', ringMs: 1000 }));
    clock.advance(5000);
    expect(storyOf(heard)).toEqual(['101 Dialing', '101 gone']);
    expect(lastRecord()).toMatchObject({ disposition: scenario, direction: 'outbound', did: null, targets: {} });
    return chainOf(segments);
  });
  expect(stories).toEqual([
    [
      '101→outbound_rule call_init/none continued_in/none unanswered',
      '101→10007 route_to/none rejected/busy unanswered',
    ],
    ['101→outbound_rule call_init/none no_route/none unanswered'],
  ]);
});

test('a call of our own failed when the other side declined it, and was cancelled when we took it back', () => {
  const ends = [null, 1].map(participantId => {
    const { clock, engine, planner, segments, lastRecord } = createOffice();
    const { call } = engine.start(planner.complete({ scenario: 'outbound', dn: '101', ringMs: 5000 }));
    clock.advance(1000);
    engine.signal(call.callid, { kind: 'hangup', participantId });
    clock.advance(1000);
    const last = segments.at(-1);
    return [lastRecord()?.disposition, last?.terminationReason, last?.terminationReasonDetails];
  });
  expect(ends).toEqual([
    ['failed', 'rejected', 'declined'],
    ['cancelled', 'cancelled', 'terminated_by_originator'],
  ]);
});

test('unanswered calls of three kinds have three ends', () => {
  const ends = (['missed', 'outbound', 'internal'] as const).map(scenario => {
    const { clock, engine, planner, segments, lastRecord } = createOffice();
    engine.start(planner.complete({ scenario, answered: false }));
    clock.advance(4_000_000);
    const last = segments.at(-1);
    return [lastRecord()?.disposition, last?.terminationReason, last?.terminationReasonDetails];
  });
  expect(ends).toEqual([
    ['missed', 'src_participant_terminated', 'terminated_by_originator'],
    ['cancelled', 'cancelled', 'terminated_by_originator'],
    ['missed', 'cancelled', 'terminated_by_originator'],
  ]);
});

test('keys pressed come one by one, as an object or as JSON text', () => {
  const { clock, engine, heard, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'dtmf', dn: '101', digits: '1234567890*#', ringMs: 100, talkMs: 12_000 }));
  clock.advance(20_000);
  const data = heard.filter(({ type }) => type === DTMF).map(({ attachedData }) => attachedData);
  const keys = data.map(each => (typeof each === 'string' ? JSON.parse(each) : each) as { dtmf_input: string });
  expect(keys.map(key => key.dtmf_input).join('')).toBe('1234567890*#');
  expect(new Set(data.map(each => typeof each))).toEqual(new Set(['string', 'object']));
});

test('a prompt is played on the route point, which controls its participant', () => {
  const { clock, engine, heard, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'prompt', ringMs: 100, talkMs: 1000 }));
  clock.advance(5000);
  expect(storyOf(heard)).toEqual(['relay Ringing', 'relay Connected', `relay event ${PROMPT_FINISHED}`, 'relay gone']);
  expect(heard[0]?.participant).toMatchObject({ direct_control: true });
});

test('a restart writes the segments of the calls it cut, ended by nobody', () => {
  const { clock, engine, planner, segments } = createOffice();
  engine.start(planner.complete({ scenario: 'inbound', dn: '101', ringMs: 100, talkMs: 60_000 }));
  engine.start(planner.complete({ scenario: 'queue', agents: ['102', '103'], ringMs: 60_000 }));
  clock.advance(5000);
  engine.restart();
  const cut = segments.filter(({ terminationReason }) => terminationReason !== 'redirected');
  expect(cut.length).toBeGreaterThan(2);
  for (const segment of cut) expect(segment).toMatchObject({ terminatedByParticipantId: null, endedAt: clock.now() });
  expect(engine.ledger.page(0, 10).calls).toMatchObject([
    { disposition: 'answered', cut: true },
    { disposition: 'failed', cut: true },
  ]);
});

test('ids carry the time of their creation as a Windows FILETIME', () => {
  const { clock, engine, planner, segments } = createOffice();
  const createdAt = clock.now();
  engine.start(planner.complete({ scenario: 'internal' }));
  clock.advance(4_000_000);
  const [, time1 = '', time2 = '', time3 = '', rest = ''] = segments[0]?.cdrId.split('-') ?? [];
  const fileTime = BigInt(`0x${time1}${time2}${time3}${rest.slice(0, 4)}`);
  expect(Number(fileTime / 10_000n) - 11_644_473_600_000).toBe(createdAt);
  expect(segments[0]?.cdrId).toMatch(/^00000000-01d/);
});

test('every segment of an hour of traffic is handed out once, ended, and belongs to a recorded call', () => {
  const { clock, engine, segments, traffic } = createOffice(5, 0.5);
  traffic.set({ callsPerMinute: 10 });
  clock.advance(3_600_000);
  traffic.stop();
  clock.advance(7_200_000);
  const { calls } = engine.ledger.page(0, 10_000);
  const histories = new Set(calls.map(({ callHistoryId }) => callHistoryId));
  expect(calls.length).toBeGreaterThan(400);
  expect(new Set(segments.map(({ cdrId }) => cdrId)).size).toBe(segments.length);
  for (const segment of segments) {
    expect(histories.has(segment.callHistoryId)).toBe(true);
    expect(segment.terminationReason).not.toBe('');
    expect(segment.endedAt).toBeGreaterThanOrEqual(segment.startedAt);
  }
  // A menu answers, too.
  const answered = new Set(
    segments
      .filter(({ answeredAt, destination }) => answeredAt !== null && destination.entityType !== 'script')
      .map(each => each.callHistoryId),
  );
  for (const { callHistoryId, disposition } of calls) {
    expect(answered.has(callHistoryId ?? ''), disposition).toBe(disposition === 'answered');
  }
});
