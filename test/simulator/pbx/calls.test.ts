import { expect, test } from 'vitest';
import { createOffice, type Heard } from './fixtures/office.ts';
import { UPSERT } from './switchboard.ts';

const statuses = (heard: Heard[]) => heard.map(({ status }) => status).filter((each, i, all) => each !== all[i - 1]);

test('an answered inbound call rings, is connected and is removed at the planned times', () => {
  const { clock, heard, engine, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'inbound', dn: '101', ringMs: 2000, talkMs: 5000 }));
  clock.advance(10_000);
  expect(statuses(heard)).toEqual(['Ringing', 'Connected', 'gone']);
  const [record] = engine.ledger.page(0, 1).calls;
  expect(record).toMatchObject({ direction: 'inbound', disposition: 'answered', dn: '101' });
  expect((record?.answeredAt ?? 0) - (record?.startedAt ?? 0)).toBeGreaterThanOrEqual(2000);
  expect((record?.answeredAt ?? 0) - (record?.startedAt ?? 0)).toBeLessThan(2100);
  expect(record?.did).toMatch(/^\+49/);
});

test('a ringing participant is announced again about every 750 ms without any change', () => {
  const { clock, heard, engine, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'missed', dn: '101', ringMs: 4000 }));
  clock.advance(5000);
  expect(statuses(heard)).toEqual(['Ringing', 'gone']);
  expect(heard.filter(({ atMs, type }) => type === UPSERT && atMs > 100)).toHaveLength(5);
  expect(engine.ledger.page(0, 1).calls[0]).toMatchObject({ disposition: 'missed', answeredAt: null });
});

test('an outbound call dials, and an internal call has a leg on both extensions', () => {
  const { clock, heard, board, engine, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'outbound', dn: '101', ringMs: 1000, talkMs: 1000 }));
  clock.advance(5000);
  expect(statuses(heard)).toEqual(['Dialing', 'Connected', 'gone']);
  engine.start(planner.complete({ scenario: 'internal', dn: '103', number: '104', ringMs: 1000, talkMs: 1000 }));
  clock.advance(100);
  expect([...board.on('103'), ...board.on('104')]).toMatchObject([
    { status: 'Dialing', party_dn: '104', party_dn_type: 'Wextension', callid: 2, legid: 1 },
    { status: 'Ringing', party_dn: '103', party_dn_type: 'Wextension', callid: 2, legid: 2 },
  ]);
  clock.advance(5000);
  expect(engine.active()).toEqual([]);
});

test('an inbound participant carries the captured field values, empty strings and None types', () => {
  const { board, engine, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'inbound', dn: '101', number: '+442079460123' }));
  expect(board.on('101')).toEqual([
    {
      id: 1,
      status: 'Ringing',
      dn: '101',
      party_caller_name: '+442079460123',
      party_dn: '10007',
      party_caller_id: '+442079460123',
      party_did: '',
      device_id: expect.stringMatching(/^sip:101@127\.0\.0\.1:\d+/),
      party_dn_type: 'Wexternalline',
      direct_control: false,
      originated_by_dn: 'ROUTER',
      originated_by_type: 'Wroutepoint',
      referred_by_dn: '',
      referred_by_type: 'None',
      on_behalf_of_dn: '',
      on_behalf_of_type: 'None',
      callid: 1,
      legid: 4,
    },
  ]);
});

test('the same seed plays the same hour of traffic, another seed another', () => {
  const play = (seed: number) => {
    const office = createOffice(seed);
    office.traffic.set({ callsPerMinute: 6 });
    office.clock.advance(3_600_000);
    return office.heard;
  };
  expect(play(3)).toEqual(play(3));
  expect(play(3)).not.toEqual(play(4));
});

test('traffic keeps its rate over an hour, mixes all scenarios and begins no call on a busy extension', () => {
  const { board, clock, engine, planner, traffic } = createOffice(11, 0.5);
  const draw = planner.fromTraffic.bind(planner);
  planner.fromTraffic = mix => {
    const plan = draw(mix);
    const rung = plan ? [plan.dn, ...plan.agents, ...(plan.scenario === 'internal' ? [plan.number] : [])] : [];
    for (const dn of rung) expect(board.isBusy(dn), `${plan?.scenario} to ${dn}`).toBe(false);
    return plan;
  };
  traffic.set({ callsPerMinute: 12 });
  clock.advance(3_600_000);
  const { started, blocked, byScenario } = engine.ledger.totals;
  // Poisson with mean 720 and deviation 27: five deviations either side. A consultation is two calls.
  expect(started + blocked).toBeGreaterThan(585);
  expect(started + blocked).toBeLessThan(880);
  const { prompt, ...drawn } = byScenario;
  expect(prompt.started).toBe(0);
  for (const [scenario, { started: count }] of Object.entries(drawn)) expect(count, scenario).toBeGreaterThan(0);
  traffic.stop();
  clock.advance(3_600_000);
  expect(engine.active()).toEqual([]);
});

test('hanging up, answering and transferring act at once and keep the callid', () => {
  const { board, clock, engine, heard, planner } = createOffice();
  const { call } = engine.start(planner.complete({ scenario: 'inbound', dn: '101', ringMs: 60_000, talkMs: 60_000 }));
  clock.advance(100);
  engine.signal(call.callid, { kind: 'answer', participantId: 1 });
  expect(board.on('101')).toMatchObject([{ status: 'Connected' }]);
  clock.advance(100);
  engine.signal(call.callid, { kind: 'redirect', participantId: 1, destination: '102' });
  expect(board.on('101')).toEqual([]);
  expect(board.on('102')).toMatchObject([
    { callid: call.callid, id: 2, status: 'Ringing', referred_by_dn: '101', referred_by_type: 'Wextension' },
  ]);
  clock.advance(100);
  engine.signal(call.callid, { kind: 'hangup', participantId: 2 });
  expect(heard.at(-1)).toMatchObject({ entity: '/callcontrol/102/participants/2', status: 'gone' });
  expect(engine.signal(call.callid, { kind: 'hangup', participantId: 2 })).toBe(false);
});

test('a restart ends calls without a Remove and starts all ids again', () => {
  const { clock, board, engine, heard, planner } = createOffice();
  engine.start(planner.complete({ scenario: 'inbound', dn: '101', talkMs: 1000 }));
  const before = heard.length;
  engine.restart();
  clock.advance(600_000);
  expect(heard).toHaveLength(before);
  expect(board.on('101')).toEqual([]);
  expect(engine.ledger.page(0, 1).calls[0]).toMatchObject({ disposition: 'failed', cut: true, run: 0 });
  expect(engine.start(planner.complete({ scenario: 'inbound', dn: '101' })).call).toMatchObject({
    callid: 1,
    legs: [{ id: 1 }],
  });
});
