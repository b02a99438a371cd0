import { expect, test } from 'vitest';
import { chainOf, createOffice, storyOf } from '../fixtures/office.ts';

const wish = { scenario: 'consult', dn: '101', transferTo: '102', ringMs: 1000, talkMs: 9000 } as const;

test('a consultation is a second call, after which the colleague goes on under the first callid', () => {
  const { clock, engine, heard, planner } = createOffice();
  engine.start(planner.complete(wish));
  clock.advance(20_000);
  expect(storyOf(heard)).toEqual([
    '101 Ringing',
    '101 Connected',
    '101 Dialing',
    '102 Ringing',
    '101 Connected',
    '102 Connected',
    '101 gone',
    '101 gone',
    '102 Connected',
    '102 gone',
  ]);
  const seen = heard.filter(({ dn, participant }) => dn === '102' && participant).map(each => each.participant);
  expect(seen[0]).toMatchObject({ callid: 2, party_dn: '101', party_dn_type: 'Wextension', referred_by_dn: '' });
  expect(seen.at(-1)).toMatchObject({
    id: seen[0]?.id,
    callid: 1,
    party_dn_type: 'Wexternalline',
    referred_by_dn: '101',
    referred_by_type: 'Wextension',
  });
});

test('both calls of a consultation are on record and joined by the main history', () => {
  const { clock, engine, planner, segments } = createOffice();
  engine.start(planner.complete(wish));
  clock.advance(20_000);
  const [inner, outer] = engine.ledger.page(0, 10).calls;
  expect(inner).toMatchObject({
    callid: 2,
    scenario: 'internal',
    disposition: 'answered',
    targets: { 102: 'answered' },
  });
  expect(outer).toMatchObject({ callid: 1, scenario: 'consult', disposition: 'answered', transferredTo: '102' });
  expect(inner?.callHistoryId).not.toBe(outer?.callHistoryId);
  expect(inner?.mainCallHistoryId).toBe(outer?.callHistoryId);
  expect(chainOf(segments).slice(0, 3)).toEqual([
    '10007→inbound_routing call_init/none redirected/by_did unanswered',
    '10007→101 divert/by_did continued_in/none answered',
    '101→102 call_init/none continued_in/none answered',
  ]);
  expect(segments.at(-1)).toMatchObject({ creationMethod: 'transfer', callHistoryId: outer?.callHistoryId });
});

test('when the colleague does not answer the caller is still there', () => {
  const { board, clock, engine, planner } = createOffice();
  engine.start(planner.complete({ ...wish, transferAnswered: false }));
  clock.advance(5500);
  expect(board.on('101')).toMatchObject([{ callid: 1, status: 'Connected' }]);
  expect(board.on('102')).toEqual([]);
  clock.advance(20_000);
  expect(engine.ledger.page(0, 10).calls).toMatchObject([
    { callid: 2, disposition: 'missed' },
    { callid: 1, disposition: 'answered', transferredTo: null },
  ]);
});

test('dropping the colleague by call control ends only the second call; dropping the caller ends both', () => {
  const { board, clock, engine, planner } = createOffice();
  engine.start(planner.complete(wish));
  clock.advance(4500);
  expect(board.on('102')).toMatchObject([{ callid: 2 }]);
  engine.signal(2, { kind: 'hangup', participantId: board.on('102')[0]?.id ?? 0 });
  expect(board.on('102')).toEqual([]);
  expect(board.on('101')).toMatchObject([{ callid: 1 }]);

  engine.start(planner.complete({ ...wish, dn: '103', transferTo: '104' }));
  clock.advance(4500);
  const first = board.on('103')[0];
  engine.signal(first?.callid ?? 0, { kind: 'hangup', participantId: first?.id ?? 0 });
  expect([board.on('103'), board.on('104')]).toEqual([[], []]);
});

test('a restart in a consultation books both calls', () => {
  const { clock, engine, planner } = createOffice();
  engine.start(planner.complete(wish));
  clock.advance(4500);
  expect(engine.active().map(({ callid }) => callid)).toEqual([1, 2]);
  engine.restart();
  expect(engine.active()).toEqual([]);
  expect(engine.ledger.page(0, 10).calls).toMatchObject([
    { callid: 1, disposition: 'answered', cut: true },
    { callid: 2, disposition: 'failed', cut: true },
  ]);
});
