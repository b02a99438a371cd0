import { describe, expect, test } from 'vitest';
import { toRecoveredEntry } from './record-entry.ts';
import type { RecordedCall } from './recorded-call.ts';
import { readRecordedCall } from './recorded-call.ts';
import { chain, entity, extension, ID, inboundChain, segment, T0, trunk } from './test-records.ts';

function read(...segments: Parameters<typeof chain> extends [string, ...infer S] ? S : never): RecordedCall {
  const record = readRecordedCall(chain(ID, ...segments));
  if (!record) throw new Error('no record');
  return record;
}

const customer = trunk('+4930123456', '+493023125900');
const queue = entity('queue', '800');

/** To 102 with its forwarding to a mobile, which answers. */
const forwarded = (source: ReturnType<typeof trunk>) => [
  segment({
    ...{ source, destination: extension('102', 'Bob'), terminationReason: 'redirected' },
    ...{ terminationReasonDetails: 'no_answer', times: [0, null, 20_000] },
  }),
  segment({
    ...{ source, destination: trunk('+491701234567'), creationMethod: 'divert', creationForwardReason: 'no_answer' },
    ...{ terminationReason: 'dst_participant_terminated', times: [20_000, 25_000, 60_000] },
  }),
];

describe('a chain of records', () => {
  test('from outside tells the called number, who answered and when', () => {
    expect(readRecordedCall(inboundChain())).toMatchObject({
      direction: 'inbound',
      startedAt: T0,
      answeredAt: T0 + 4_000,
      endedAt: T0 + 30_000,
      caller: { number: '+4930123456', dn: null },
      callee: { number: '101', name: 'Ada', dn: '101' },
      did: '+493023125900',
      answeredBy: '101',
      disposition: 'answered',
      dns: ['101'],
      isOver: true,
    });
  });

  test('through a queue says which phones rang in vain and which took it, and nothing of those that were busy', () => {
    const record = read(
      segment({ source: customer, destination: queue, terminationReason: 'continued_in', times: [0, 10, 9_000] }),
      segment({
        source: queue,
        destination: extension('101'),
        terminationReason: 'rejected',
        terminationReasonDetails: 'no_answer',
        times: [100, null, 200],
      }),
      ...['busy', 'not_registered'].map(terminationReasonDetails =>
        segment({
          ...{ source: queue, destination: extension('104'), creationMethod: 'route_to' },
          ...{ terminationReason: 'rejected', terminationReasonDetails, times: [250, null, 260] },
        }),
      ),
      segment({
        source: queue,
        destination: extension('102'),
        terminationReason: 'cancelled',
        terminationReasonDetails: 'completed_elsewhere',
        times: [300, null, 5_000],
      }),
      segment({
        source: queue,
        destination: extension('103'),
        terminationReason: 'dst_participant_terminated',
        times: [300, 5_000, 9_000],
      }),
    );
    expect(record).toMatchObject({
      via: { dn: '800', type: 'queue' },
      answeredAt: T0 + 5_000,
      answeredBy: '103',
      disposition: 'answered',
    });
    expect(record.legs.map(leg => [leg.dn, leg.outcome])).toEqual([
      ['101', 'missed'],
      ['102', 'answered_elsewhere'],
      ['103', 'answered'],
    ]);
    expect(record.dns).toEqual(['101', '102', '103']);
    expect(toRecoveredEntry(T0, record).dn).toBe('101,102,103,800');
  });

  test('from outside that a mobile answered is answered, by no extension, and 102 keeps the call as its own', () => {
    expect(read(...forwarded(customer))).toMatchObject({
      ...{ direction: 'inbound', disposition: 'answered', answeredAt: T0 + 25_000, answeredBy: null },
      ...{ callee: { dn: '102', name: 'Bob' }, outsideNumber: '+4930123456', isOver: true },
    });
  });

  test('between extensions stays internal though a mobile answered', () => {
    expect(read(...forwarded(extension('101', 'Ada')))).toMatchObject({
      ...{ direction: 'internal', disposition: 'answered', answeredAt: T0 + 25_000, answeredBy: null },
      ...{ caller: { dn: '101' }, callee: { dn: '102' }, outsideNumber: null },
    });
  });

  test('that begins with a rule, or with a phone that rings itself, is outbound', () => {
    const source = extension('101');
    const out = segment({ source, destination: customer, creationMethod: 'divert', times: [20, 4_000, 9_000] });
    for (const destination of [entity('outbound_rule', ''), source]) {
      const first = segment({ source, destination, terminationReason: 'redirected', times: [0, null, 20] });
      expect(read(first, out)).toMatchObject({ direction: 'outbound', disposition: 'answered' });
    }
  });

  test('of a queue that answered without an agent is abandoned, because a queue is nobody', () => {
    const record = read(
      segment({
        source: customer,
        destination: queue,
        terminationReason: 'src_participant_terminated',
        times: [0, 10, 60_000],
      }),
    );
    expect(record).toMatchObject({ disposition: 'abandoned', answeredAt: null, isOver: true });
  });

  test.each([
    ['rejected', 'busy', 'busy'],
    ['no_route', 'none', 'failed'],
    ['rejected', 'none', 'failed'],
    ['src_participant_terminated', 'terminated_by_originator', 'cancelled'],
    ['cancelled', 'no_answer', 'cancelled'],
  ])('to the outside that ended with %s, %s is %s', (terminationReason, terminationReasonDetails, disposition) => {
    const source = extension('101', 'Ada');
    expect(
      read(
        segment({ source, destination: customer, terminationReason, terminationReasonDetails, times: [0, null, 9] }),
      ),
    ).toMatchObject({ direction: 'outbound', disposition, outsideNumber: '+4930123456', answeredBy: null });
  });

  test('between extensions is internal, and missed when the other one does not answer', () => {
    const record = read(
      segment({
        source: extension('101'),
        destination: extension('102'),
        terminationReason: 'cancelled',
        times: [0, null, 9],
      }),
    );
    expect(record).toMatchObject({ direction: 'internal', disposition: 'missed', dns: ['101', '102'] });
  });

  test('without the row of the conversation is not over', () => {
    const record = read(
      segment({ source: customer, destination: queue, terminationReason: 'continued_in', times: [0, 10, 5_000] }),
      segment({
        source: queue,
        destination: extension('102'),
        terminationReason: 'cancelled',
        terminationReasonDetails: 'completed_elsewhere',
        times: [300, null, 5_000],
      }),
    );
    expect(record.isOver).toBe(false);
  });

  test('without the row of its beginning is not over, whatever its last row says', () => {
    const record = read(
      segment({
        source: customer,
        destination: extension('102'),
        creationMethod: 'transfer',
        terminationReason: 'dst_participant_terminated',
        times: [9_000, 9_000, 20_000],
      }),
    );
    expect(record.isOver).toBe(false);
  });

  test('that was joined to another call is over with its last row', () => {
    const consultation = chain(
      ID,
      segment({
        source: extension('101'),
        destination: extension('102'),
        terminationReason: 'continued_in',
        times: [0, 500, 9_000],
      }),
    );
    expect(readRecordedCall(consultation)?.isOver).toBe(false);
    expect(readRecordedCall({ ...consultation, mainCallHistoryId: 'another' })?.isOver).toBe(true);
  });

  test('that is empty is no call', () => {
    expect(readRecordedCall(chain(ID))).toBeNull();
  });
});
