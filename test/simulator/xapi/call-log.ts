import { direction } from '../database/layout.ts';
import type { BookedSegment } from '../database/segment-log.ts';
import type { CdrParty } from '../pbx/cdr-segment.ts';
import type { EntityType, Row } from './entity-set.ts';
import { isoDuration, isoTime } from './iso-time.ts';
import { ODataError } from './odata-error.ts';
import { peerType } from './peer-types.ts';

const party = (side: string) => ['Type', 'Dn', 'CallerId', 'DisplayName'].map(field => `${side}${field}`);

export const CALL_LOG_DATA: EntityType = {
  name: 'Pbx.CallLogData',
  fields: [
    ...['MainCallHistoryId', 'CallHistoryId', 'CdrId', 'CallId', 'SegmentId', 'Indent', 'StartTime'],
    ...party('Source'),
    ...party('Destination'),
    ...['ActionType', 'ActionDnType', 'ActionDnDn', 'ActionDnCallerId', 'ActionDnDisplayName'],
    ...['RingingDuration', 'TalkingDuration', 'Answered', 'Status', 'Direction', 'CallType', 'CallCost', 'Reason'],
    ...['RecordingUrl', 'Recordings', 'SubrowDescNumber', 'SrcRecId', 'DstRecId', 'QualityReport'],
    ...['SentimentScore', 'Summary', 'Transcription'],
  ],
};

/** All of them must be given, or there is no such function. */
const PARAMETERS = [
  ...['periodFrom', 'periodTo', 'sourceType', 'sourceFilter', 'destinationType', 'destinationFilter'],
  ...['callsType', 'callTimeFilterType', 'callTimeFilterFrom', 'callTimeFilterTo', 'hidePcalls'],
];
/** What a filter means is not known well enough to play it, and to ignore one would be a lie. */
const NO_FILTER: Record<string, readonly string[]> = {
  sourceType: ['0'],
  sourceFilter: [''],
  destinationType: ['0'],
  destinationFilter: [''],
  callsType: ['0'],
  callTimeFilterType: ['0'],
};

/** `Pbx.GetCallLogData(…)`: the newest first, like the report of the console (SSIG-IT). */
export function callLogRows(booked: readonly BookedSegment[], args: ReadonlyMap<string, string>): Row[] {
  const missing = PARAMETERS.find(name => !args.has(name));
  if (missing !== undefined)
    throw new ODataError(404, `No function overload takes these parameters: ${missing} is missing.`);
  for (const [name, accepted] of Object.entries(NO_FILTER)) {
    if (!accepted.includes(args.get(name) ?? '')) {
      throw new ODataError(400, `The simulator plays no filter: ${name} must be '${accepted.join()}'.`, {
        target: name,
      });
    }
  }
  const from = instant(args, 'periodFrom');
  const to = instant(args, 'periodTo');
  const hidesPolls = args.get('hidePcalls') === 'true';
  return booked
    .filter(({ segment }) => segment.startedAt >= from && segment.startedAt <= to)
    .filter(each => !(hidesPolls && isFruitlessPoll(each)))
    .sort((a, b) => b.segment.startedAt - a.segment.startedAt || b.n - a.n)
    .map(toCallLogRow);
}

function toCallLogRow({ callId, segmentId, segment }: BookedSegment): Row {
  const { source, destination, startedAt, answeredAt, endedAt } = segment;
  const isQueue = destination.entityType === 'queue';
  return {
    MainCallHistoryId: segment.mainCallHistoryId,
    CallHistoryId: segment.callHistoryId,
    CdrId: segment.cdrId,
    CallId: callId,
    SegmentId: segmentId,
    Indent: segmentId === 1 ? 0 : 1,
    StartTime: isoTime(startedAt),
    ...partyFields('Source', source),
    ...partyFields('Destination', destination),
    ActionType: 0,
    ActionDnType: 0,
    ActionDnDn: '',
    ActionDnCallerId: '',
    ActionDnDisplayName: '',
    RingingDuration: isoDuration((answeredAt ?? endedAt) - startedAt),
    TalkingDuration: isoDuration(answeredAt === null ? 0 : endedAt - answeredAt),
    // A queue picks up by itself, and its rows say both: answered, and "Unanswered" where nobody took the caller (SSIG-IT).
    Answered: isQueue || answeredAt !== null,
    Status: isQueue ? queueStatus(segment.terminationReason) : answeredAt === null ? 'Unanswered' : 'Answered',
    Direction: directionOf(source, destination),
    CallType: callTypeOf(destination),
    CallCost: 0,
    Reason: reasonOf(segment),
    RecordingUrl: '',
    Recordings: [],
    SubrowDescNumber: 0,
    SrcRecId: null,
    DstRecId: null,
    QualityReport: false,
    SentimentScore: 0,
    Summary: '',
    Transcription: '',
  };
}

function partyFields(
  side: 'Source' | 'Destination',
  { entityType, dnNumber, phoneNumber, name, dnName }: CdrParty,
): Row {
  return {
    [`${side}Type`]: peerType(entityType),
    [`${side}Dn`]: dnNumber,
    [`${side}CallerId`]: phoneNumber || dnNumber,
    [`${side}DisplayName`]: name || dnName,
  };
}

function queueStatus(terminationReason: string): string {
  return terminationReason === 'continued_in' ? 'Waiting' : 'Unanswered';
}

function directionOf(source: CdrParty, destination: CdrParty): string {
  const words = { inbound: 'Inbound', outbound: 'Outbound', internal: 'Internal' };
  const word = words[direction(source.entityType, destination.entityType)];
  return word === 'Inbound' && destination.entityType === 'queue' ? 'Inbound Queue' : word;
}

function callTypeOf({ entityType }: CdrParty): string {
  const types: Record<string, string> = {
    extension: 'Extension',
    queue: 'Queue',
    external_line: 'External',
    ivr: 'Digital Receptionist',
  };
  return types[entityType] ?? 'System';
}

function reasonOf({ terminationReason, source, destination }: BookedSegment['segment']): string {
  const named = ({ name, dnName, dnNumber }: CdrParty): string => `${name || dnName} (${dnNumber})`;
  if (terminationReason === 'src_participant_terminated') return `Ended by ${named(source)}`;
  if (terminationReason === 'dst_participant_terminated') return `Ended by ${named(destination)}`;
  return terminationReason === 'continued_in' ? `${named(destination)} was replaced` : '';
}

function isFruitlessPoll({ segment }: BookedSegment): boolean {
  return segment.creationForwardReason === 'polling' && segment.answeredAt === null;
}

function instant(args: ReadonlyMap<string, string>, name: string): number {
  const atMs = Date.parse(args.get(name) ?? '');
  if (Number.isFinite(atMs)) return atMs;
  throw new ODataError(400, `'${args.get(name)}' is not a valid Edm.DateTimeOffset.`, { target: name });
}
