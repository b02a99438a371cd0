import { expect, test } from 'vitest';
import { chainOf, createOffice, storyOf } from '../fixtures/office.ts';

const agents = ['101', '102', '103'];

test('a queue rings its agents under one callid, and the removes follow the answer or precede it', () => {
  for (const removeFirst of [false, true]) {
    const { board, clock, engine, heard, planner } = createOffice();
    engine.start(
      planner.complete({
        scenario: 'queue',
        queue: '800',
        agents,
        answeredBy: '102',
        rounds: 0,
        removeFirst,
        ringMs: 1000,
        talkMs: 1000,
      }),
    );
    clock.advance(200);
    expect(agents.flatMap(dn => board.on(dn))).toMatchObject(
      agents.map((dn, index) => ({
        dn,
        status: 'Ringing',
        callid: 1,
        legid: 4 + index,
        originated_by_dn: '800',
        originated_by_type: 'Wqueue',
      })),
    );
    clock.advance(10_000);
    const answer = ['102 Connected', '101 gone', '103 gone'];
    expect(storyOf(heard)).toEqual([
      '101 Ringing',
      '102 Ringing',
      '103 Ringing',
      ...(removeFirst ? ['101 gone', '103 gone', '102 Connected'] : answer),
      '102 gone',
    ]);
  }
});

test('the record of a queue call names the queue and what became of each agent', () => {
  const { clock, engine, planner, lastRecord } = createOffice();
  engine.start(planner.complete({ scenario: 'queue', queue: '801', agents, answeredBy: '103', rounds: 0 }));
  clock.advance(4_000_000);
  expect(lastRecord()).toMatchObject({
    disposition: 'answered',
    direction: 'inbound',
    dn: '103',
    queue: '801',
    ringGroup: null,
    targets: { 101: 'answered_elsewhere', 102: 'answered_elsewhere', 103: 'answered' },
    transferredTo: null,
  });
});

test('agents that nobody answers for are rung again in the next round with new participants, then the caller goes', () => {
  const { clock, engine, heard, planner, lastRecord } = createOffice();
  engine.start(
    planner.complete({ scenario: 'queue', agents: ['101', '102'], answered: false, rounds: 1, ringMs: 1000 }),
  );
  clock.advance(10_000);
  const round = ['101 Ringing', '102 Ringing', '101 gone', '102 gone'];
  expect(storyOf(heard)).toEqual([...round, ...round]);
  expect(new Set(heard.map(({ entity }) => entity)).size).toBe(4);
  expect(lastRecord()).toMatchObject({ disposition: 'abandoned', targets: { 101: 'missed', 102: 'missed' } });
});

test('a ring group that nobody answers is missed, not abandoned', () => {
  const { clock, engine, heard, planner, lastRecord } = createOffice();
  engine.start(planner.complete({ scenario: 'ringGroup', agents: ['101', '102'], answered: false, ringMs: 1000 }));
  clock.advance(10_000);
  expect(heard[0]?.participant).toMatchObject({ originated_by_dn: '810', originated_by_type: 'Wringgroup' });
  expect(lastRecord()).toMatchObject({ disposition: 'missed', queue: null, ringGroup: '810' });
});

test('an agent who declines leaves the others ringing, and the one who answers by call control gets the call', () => {
  const { board, clock, engine, planner, segments, lastRecord } = createOffice();
  const { call } = engine.start(
    planner.complete({ scenario: 'queue', agents, answeredBy: '101', rounds: 0, ringMs: 60_000, talkMs: 1000 }),
  );
  clock.advance(200);
  const idOn = (dn: string) => board.on(dn)[0]?.id ?? 0;
  engine.signal(call.callid, { kind: 'hangup', participantId: idOn('102') });
  clock.advance(200);
  expect(agents.map(dn => board.isBusy(dn))).toEqual([true, false, true]);
  engine.signal(call.callid, { kind: 'answer', participantId: idOn('103') });
  clock.advance(5000);
  expect(lastRecord()?.targets).toEqual({ 101: 'answered_elsewhere', 102: 'missed', 103: 'answered' });
  expect(chainOf(segments)).toContain('10007→102 route_to/polling rejected/declined unanswered');
});

test('the caller who hangs up in a queue takes all agents with it', () => {
  const { clock, engine, heard, planner, lastRecord } = createOffice();
  const { call } = engine.start(planner.complete({ scenario: 'queue', agents, ringMs: 60_000 }));
  clock.advance(100);
  engine.signal(call.callid, { kind: 'hangup', participantId: null });
  expect(storyOf(heard).slice(3)).toEqual(['101 gone', '102 gone', '103 gone']);
  expect(lastRecord()?.disposition).toBe('abandoned');
});

test('the detail records of a queue call are the chain of a real one', () => {
  const { clock, engine, planner, segments, lastRecord } = createOffice();
  engine.start(
    planner.complete({ scenario: 'queue', queue: '800', agents, answeredBy: '102', busyAgents: ['104'], rounds: 1 }),
  );
  clock.advance(4_000_000);
  const poll = (dn: string, end: string) => `10007→${dn} route_to/polling ${end} unanswered`;
  expect(chainOf(segments).slice(0, -1)).toEqual([
    '10007→inbound_routing call_init/none redirected/by_did unanswered',
    poll('104', 'rejected/busy'),
    ...agents.map(dn => poll(dn, 'cancelled/no_answer')),
    poll('104', 'rejected/busy'),
    '10007→800 divert/by_did continued_in/polling unanswered',
    poll('101', 'cancelled/completed_elsewhere'),
    poll('103', 'cancelled/completed_elsewhere'),
  ]);
  expect(chainOf(segments).at(-1)).toMatch(
    /^10007→102 route_to\/polling (src|dst)_participant_terminated\/none answered$/,
  );
  const record = lastRecord();
  for (const segment of segments) {
    expect(segment).toMatchObject({ callHistoryId: record?.callHistoryId, mainCallHistoryId: record?.callHistoryId });
  }
  const waiting = segments.find(({ destination }) => destination.entityType === 'queue');
  expect(waiting?.continuedInCdrId).toBe(segments.at(-1)?.cdrId);
  expect(segments.at(-1)?.originatingCdrId).toBe(waiting?.cdrId);
  expect(segments[0]?.source.trunkDid).toBe(record?.did);
});

test('a call of a thousand polls has as many rows and only the frames of those that ring', () => {
  const { clock, engine, heard, planner, segments } = createOffice();
  engine.start(
    planner.complete({ scenario: 'queue', agents: ['101'], rounds: 0, ringMs: 5000, talkMs: 1000, segments: 1040 }),
  );
  clock.advance(20_000);
  expect(segments.filter(({ creationForwardReason }) => creationForwardReason === 'polling')).toHaveLength(1040);
  expect(new Set(segments.map(({ cdrId }) => cdrId)).size).toBe(segments.length);
  expect(heard.length).toBeLessThan(20);
});

test('who waits in a queue or listens to a menu shows in the records from the start, and in call control when a phone rings', () => {
  for (const wish of [
    { scenario: 'queue', queue: '800', agents, rounds: 0 } as const,
    { scenario: 'inbound' } as const,
  ]) {
    const { clock, engine, heard, planner, segments } = createOffice();
    engine.start(planner.complete({ ...wish, waitMs: 60_000, ringMs: 1000, talkMs: 1000 }));
    clock.advance(59_999);
    expect(heard).toEqual([]);
    clock.advance(60_000);
    const [first, ...others] = segments.toSorted((one, other) => one.startedAt - other.startedAt);
    const rang = others.filter(({ destination }) => destination.entityType === 'extension');
    expect(rang.length).toBeGreaterThan(0);
    expect(Math.min(...rang.map(({ startedAt }) => startedAt)) - (first?.startedAt ?? 0)).toBe(60_000);
  }
});

test('a caller who goes before a phone rang is in no frame', () => {
  for (const wish of [{ scenario: 'queue', queue: '800', agents } as const, { scenario: 'consult' } as const]) {
    const { clock, engine, heard, planner, lastRecord } = createOffice();
    const { call } = engine.start(planner.complete({ ...wish, waitMs: 60_000 }));
    clock.advance(1_000);
    expect(engine.signal(call.callid, { kind: 'hangup', participantId: null })).toBe(true);
    clock.advance(600_000);
    expect([heard, lastRecord()?.answeredAt]).toEqual([[], null]);
  }
});
