import type { BookedSegment } from '../database/segment-log.ts';
import type { CdrParty } from '../pbx/cdr-segment.ts';
import type { Directory } from '../pbx/directory.ts';
import type { Random } from '../pbx/random.ts';
import type { EntityType, Row } from './entity-set.ts';
import { isoDuration, isoTime } from './iso-time.ts';
import { peerType } from './peer-types.ts';

const PARTY_FIELDS = [
  'Id',
  'ParticipantId',
  'RecId',
  'Dn',
  'DnType',
  'CallerNumber',
  'DisplayName',
  'ExtendedDisplayName',
];
const party = (side: string) => [...PARTY_FIELDS, 'External', 'Internal'].map(field => `${side}${field}`);

export const CALL_HISTORY_VIEW: EntityType = {
  name: 'Pbx.CallHistoryView',
  fields: [
    ...[
      'SegmentId',
      'SegmentStartTime',
      'SegmentEndTime',
      'SegmentType',
      'SegmentActionId',
      'CallTime',
      'CallAnswered',
    ],
    ...party('Src'),
    ...party('Dst'),
  ],
};

const CONNECTED_SEGMENT = 2;
const RINGING_SEGMENT = 1;
const OLD_ROWS = 120;
const DAY_MS = 86_400_000;

type Entry = {
  segmentId: number;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number;
  source: Side;
  destination: Side;
};
type Side = Pick<CdrParty, 'entityType' | 'dnNumber' | 'phoneNumber' | 'name'>;

/** What the view answers where it still works: a PBX before update 6. */
export function liveHistory(booked: readonly BookedSegment[]): Row[] {
  return booked.map(({ n, segment }) => toRow({ segmentId: n, ...segment }));
}

/** The calls of before the update, three months and more ago: the same on every question (3cx.md C10). */
export function staleHistory(directory: Directory, random: Random, nowMs: number): Row[] {
  return Array.from({ length: OLD_ROWS }, (_, index) => {
    const startedAt = nowMs - 90 * DAY_MS - (OLD_ROWS - index) * 1_200_000;
    const dn = random.pick(directory.dns);
    const isAnswered = random.chance(0.8);
    const ringMs = 1000 + random.below(15_000);
    return toRow({
      segmentId: index + 1,
      startedAt,
      answeredAt: isAnswered ? startedAt + ringMs : null,
      endedAt: startedAt + ringMs + (isAnswered ? random.below(300_000) : 0),
      source: {
        entityType: 'external_line',
        dnNumber: directory.trunkDn,
        phoneNumber: directory.outsideNumber(random),
        name: '',
      },
      destination: {
        entityType: 'extension',
        dnNumber: dn,
        phoneNumber: dn,
        name: directory.extensions.get(dn)?.name ?? '',
      },
    });
  });
}

function toRow({ segmentId, startedAt, answeredAt, endedAt, source, destination }: Entry): Row {
  return {
    SegmentId: segmentId,
    SegmentStartTime: isoTime(startedAt),
    SegmentEndTime: isoTime(endedAt),
    SegmentType: answeredAt === null ? RINGING_SEGMENT : CONNECTED_SEGMENT,
    SegmentActionId: 1,
    CallTime: isoDuration(answeredAt === null ? 0 : endedAt - answeredAt),
    CallAnswered: answeredAt !== null,
    ...sideFields('Src', segmentId * 2, source),
    ...sideFields('Dst', segmentId * 2 + 1, destination),
  };
}

function sideFields(side: 'Src' | 'Dst', id: number, { entityType, dnNumber, phoneNumber, name }: Side): Row {
  const isExternal = entityType === 'external_line';
  return {
    [`${side}Id`]: id,
    [`${side}ParticipantId`]: id,
    [`${side}RecId`]: null,
    [`${side}Dn`]: dnNumber,
    [`${side}DnType`]: peerType(entityType),
    [`${side}CallerNumber`]: phoneNumber,
    [`${side}DisplayName`]: name || phoneNumber,
    [`${side}ExtendedDisplayName`]: `${name} (${phoneNumber})`.trim(),
    [`${side}External`]: isExternal,
    [`${side}Internal`]: !isExternal,
  };
}
