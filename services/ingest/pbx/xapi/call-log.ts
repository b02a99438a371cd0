import type { CdrCall, CdrEnd, CdrSegment } from '../cdr.ts';
import { booleanOf, durationOf, instantOf, type ODataRow, textOf, toODataInstant } from './odata-fields.ts';

/**
 * Call detail records from `ReportCallLogData`, the only call log of XAPI that is still fed since U6 (3cx.md C10).
 *
 * It is less than the database knows: no method of creation, no reason of the end as a code, durations instead of
 * times. What it does not tell is null.
 */

/** Twelve arguments, all of them required; 0 and '' mean all. */
export function callLogPath(fromMs: number, toMs: number): string {
  const args = [
    `periodFrom=${toODataInstant(fromMs)}`,
    // Cut off after the second, so the last second would be missing.
    `periodTo=${toODataInstant(toMs + 999)}`,
    'sourceType=0',
    "sourceFilter=''",
    'destinationType=0',
    "destinationFilter=''",
    'callsType=0',
    'callTimeFilterType=0',
    "callTimeFilterFrom='0:00:0'",
    "callTimeFilterTo='0:00:0'",
    // Calls that the PBX made for itself are left out.
    'hidePcalls=true',
  ];
  return `ReportCallLogData/Pbx.GetCallLogData(${args.join(',')})`;
}

export interface CallLogSegment {
  readonly callHistoryId: string;
  readonly mainCallHistoryId: string | null;
  readonly segment: CdrSegment;
}

/** Null when the row has neither a time nor an id. */
export function parseCallLogRow(row: ODataRow): CallLogSegment | null {
  const startedAt = instantOf(row, 'StartTime');
  const callHistoryId = textOf(row, 'CallHistoryId') ?? textOf(row, 'CallId');
  if (startedAt === null || callHistoryId === null) return null;
  const ringingMs = durationOf(row, 'RingingDuration');
  const talkingMs = durationOf(row, 'TalkingDuration');
  const endedAt = ringingMs === null && talkingMs === null ? null : startedAt + (ringingMs ?? 0) + (talkingMs ?? 0);
  return {
    callHistoryId,
    mainCallHistoryId: textOf(row, 'MainCallHistoryId'),
    segment: {
      cdrId: textOf(row, 'CdrId') ?? `${callHistoryId}/${textOf(row, 'SegmentId') ?? startedAt}`,
      startedAt,
      answeredAt: isAnswered(row) ? startedAt + (ringingMs ?? 0) : null,
      endedAt,
      source: endOf(row, 'Source'),
      destination: endOf(row, 'Destination'),
      creationMethod: null,
      creationForwardReason: null,
      terminationReason: terminationOf(row),
      terminationReasonDetails: textOf(row, 'Reason'),
    },
  };
}

/** Queue rows may say Answered although their Status is "Unanswered" or "Waiting": the queue answered, no agent did. */
function isAnswered(row: ODataRow): boolean {
  const status = textOf(row, 'Status')?.toLowerCase();
  return booleanOf(row, 'Answered') === true && status !== 'unanswered' && status !== 'waiting';
}

function endOf(row: ODataRow, side: 'Source' | 'Destination'): CdrEnd {
  const dn = textOf(row, `${side}Dn`);
  const number = textOf(row, `${side}CallerId`);
  return {
    entityType: entityTypeOf(row, side),
    dn,
    name: textOf(row, `${side}DisplayName`),
    // Of an extension the number is its DN once more.
    number: number === dn ? null : number,
    did: null,
  };
}

/** CallType names the destination; seen live: Extension, Queue, External, Digital Receptionist, System. */
const DESTINATIONS: Readonly<Record<string, string>> = {
  extension: 'extension',
  queue: 'queue',
  external: 'external_line',
  'digital receptionist': 'ivr',
};

/** The numbers in SourceType and DestinationType are not documented; what the words of the row say is. */
function entityTypeOf(row: ODataRow, side: 'Source' | 'Destination'): string | null {
  const direction = textOf(row, 'Direction')?.toLowerCase() ?? '';
  if (side === 'Source') return direction.startsWith('inbound') ? 'external_line' : null;
  if (direction === 'outbound') return 'external_line';
  const word = textOf(row, 'CallType')?.toLowerCase();
  // A word that nobody knows says at least what it is not. Taken for unsaid, a menu with a number of its own is a phone.
  return word === undefined ? null : (DESTINATIONS[word] ?? word);
}

/** Free text, of which these forms were seen: "Ended by …" and "… was replaced by …". */
function terminationOf(row: ODataRow): string | null {
  const reason = textOf(row, 'Reason') ?? '';
  if (/ was replaced\b/.test(reason)) return 'continued_in';
  const [, who] = /^Ended by (.+)$/.exec(reason) ?? [];
  if (who === undefined) return null;
  const names = (side: 'Source' | 'Destination') =>
    [textOf(row, `${side}Dn`), textOf(row, `${side}DisplayName`), textOf(row, `${side}CallerId`)].some(
      name => name !== null && who.includes(name),
    );
  if (names('Source') === names('Destination')) return null;
  return names('Source') ? 'src_participant_terminated' : 'dst_participant_terminated';
}

/** Rows of one period, which come in any order, as calls: the earliest first. */
export function toCalls(rows: readonly CallLogSegment[], limits: { maxSegments: number }): CdrCall[] {
  const calls = new Map<string, { main: string | null; segments: CdrSegment[]; seen: Set<string> }>();
  for (const { callHistoryId, mainCallHistoryId, segment } of rows) {
    const call = calls.get(callHistoryId) ?? { main: mainCallHistoryId, segments: [], seen: new Set() };
    calls.set(callHistoryId, call);
    if (call.seen.has(segment.cdrId)) continue;
    call.seen.add(segment.cdrId);
    call.segments.push(segment);
  }
  return [...calls]
    .map(([callHistoryId, { main, segments }]) => {
      segments.sort((a, b) => a.startedAt - b.startedAt);
      return {
        callHistoryId,
        mainCallHistoryId: main,
        segments: segments.slice(0, limits.maxSegments),
        isTruncated: segments.length > limits.maxSegments,
      };
    })
    .sort((a, b) => firstStartOf(a) - firstStartOf(b));
}

export function firstStartOf(call: CdrCall): number {
  return call.segments[0]?.startedAt ?? 0;
}
