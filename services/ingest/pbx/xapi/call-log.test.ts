import { describe, expect, test } from 'vitest';
import { readRecordedCall } from '../../records/recorded-call.ts';
import { callLogPath, parseCallLogRow, toCalls } from './call-log.ts';
import { readCallLog } from './call-log-reader.ts';
import type { ODataRow } from './odata-fields.ts';

const T0 = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;
const row = (call: string, at: number, fields: object = {}): ODataRow => ({
  ...{ CallHistoryId: call, MainCallHistoryId: `main-${call}`, CdrId: `${call}-${at}` },
  ...{ StartTime: new Date(at).toISOString(), RingingDuration: 'PT2S', TalkingDuration: 'PT0S', Answered: false },
  ...fields,
});

/** What the PBX holds; it answers rows of the period, newest first, in pages. */
async function read(all: readonly ODataRow[], fromMs: number, toMs: number, limits = {}) {
  const asked: string[] = [];
  const pages = async function* (path: string) {
    asked.push(path);
    const [from = 0, to = 0] = [...path.matchAll(/period(?:From|To)=([^,]+)/g)].map(match =>
      Date.parse(match[1] ?? ''),
    );
    const inside = all.filter(each => {
      const at = Date.parse(String(each.StartTime));
      return at >= from && at <= to;
    });
    for (let i = 0; i < inside.length; i += 100) yield inside.slice(i, i + 100).toReversed();
  };
  const calls = [];
  for await (const call of readCallLog({ pages }, { fromMs, toMs }, { maxSegments: 50, maxRows: 1_000, ...limits })) {
    calls.push(call);
  }
  return { calls, asked };
}

describe('the call log', () => {
  test('is asked for with all its arguments, and up to the last second', () => {
    expect(callLogPath(T0, T0 + 500)).toBe(
      "ReportCallLogData/Pbx.GetCallLogData(periodFrom=2026-01-01T12:00:00Z,periodTo=2026-01-01T12:00:01Z,sourceType=0,sourceFilter='',destinationType=0,destinationFilter='',callsType=0,callTimeFilterType=0,callTimeFilterFrom='0:00:0',callTimeFilterTo='0:00:0',hidePcalls=true)",
    );
  });

  test('gives each call once and whole, the earliest first, over the edges of its windows', async () => {
    const edge = T0 + 6 * HOUR;
    const rows = [
      row('before', T0 - 60_000),
      row('before', T0 + 1_000),
      row('outside', T0 - 120_000),
      row('edge', edge - 1_000),
      row('edge', edge + 1_000),
      row('early', T0 + 500),
      row('late', T0 + 8 * HOUR),
    ];
    const { calls } = await read(rows, T0, T0 + 8 * HOUR);
    expect(calls.map(call => [call.callHistoryId, call.segments.length])).toEqual([
      ['before', 2],
      ['early', 1],
      ['edge', 2],
      ['late', 1],
    ]);
    expect(calls[2]?.segments.map(segment => segment.startedAt)).toEqual([edge - 1_000, edge + 1_000]);
  });

  test('says when a chain or the whole is longer than what is read', async () => {
    const rows = Array.from({ length: 120 }, (_, i) => row('long', T0 + i * 1_000));
    const { calls } = await read(rows, T0, T0 + HOUR);
    expect(calls).toMatchObject([{ isTruncated: true, segments: { length: 50 } }]);
    await expect(read(rows, T0, T0 + HOUR, { maxRows: 100 })).rejects.toMatchObject({ code: 'PBX_ANSWER_TOO_LARGE' });
  });
});

describe('a row of the call log', () => {
  test('becomes a segment, with null for what it does not tell', () => {
    const parsed = parseCallLogRow(
      row('c1', T0, {
        ...{
          Answered: true,
          Status: 'Answered',
          RingingDuration: 'PT3.5S',
          TalkingDuration: 'PT1M',
          Reason: 'Ended by 101',
        },
        ...{ Direction: 'Inbound', CallType: 'Extension' },
        ...{ SourceType: 4, SourceDn: '10000', SourceCallerId: '+4930', SourceDisplayName: '' },
        ...{ DestinationType: 0, DestinationDn: '101', DestinationCallerId: '101', DestinationDisplayName: 'Ada' },
      }),
    );
    expect(parsed).toEqual({
      callHistoryId: 'c1',
      mainCallHistoryId: 'main-c1',
      segment: {
        cdrId: `c1-${T0}`,
        ...{ startedAt: T0, answeredAt: T0 + 3_500, endedAt: T0 + 63_500 },
        source: { entityType: 'external_line', dn: '10000', name: null, number: '+4930', did: null },
        destination: { entityType: 'extension', dn: '101', name: 'Ada', number: null, did: null },
        ...{ creationMethod: null, creationForwardReason: null, terminationReason: 'dst_participant_terminated' },
        terminationReasonDetails: 'Ended by 101',
      },
    });
  });

  test.each(['Unanswered', 'Waiting'])('that is answered with the status %s was answered by a queue alone', Status => {
    expect(parseCallLogRow(row('c1', T0, { Answered: true, Status }))?.segment.answeredAt).toBeNull();
  });

  test.each(['System', 'Digital Receptionist', 'Voice Of The Future'])(
    'that reached what is called %s reached no phone, and a person answered nothing',
    CallType => {
      const menu = row('c1', T0, {
        ...{ Answered: true, Status: 'Answered', Direction: 'Inbound', CallType, TalkingDuration: 'PT5S' },
        ...{ SourceDn: '10000', SourceCallerId: '+4930', DestinationDn: '777', DestinationCallerId: '777' },
      });
      const phone = row('c1', T0 + 5_000, {
        ...{ Answered: false, Status: 'Unanswered', Direction: 'Inbound', CallType: 'Extension' },
        ...{ SourceDn: '10000', SourceCallerId: '+4930', DestinationDn: '101', DestinationCallerId: '101' },
      });
      const [call] = toCalls(
        [menu, phone].flatMap(each => parseCallLogRow(each) ?? []),
        { maxSegments: 10 },
      );
      expect(call && readRecordedCall(call)).toMatchObject({ disposition: 'missed', answeredAt: null, dns: ['101'] });
    },
  );

  test('without a time or a call is none', () => {
    expect(parseCallLogRow({ CallHistoryId: 'c1' })).toBeNull();
    expect(parseCallLogRow({ StartTime: '2026-01-01T12:00:00Z' })).toBeNull();
  });
});
