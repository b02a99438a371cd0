import type { Direction, Disposition, FormerLeg, LegOutcome, Party, Via } from '../call-model/call.ts';
import { NOBODY } from '../call-model/call.ts';
import type { CdrCall, CdrEnd, CdrSegment } from '../pbx/cdr.ts';

/**
 * What a chain of call detail records says about a call, in the words of the call model. Records know what call control
 * does not show: the called number, why an attempt failed, who talked while nobody watched (3cx.md §3.2). Times are
 * Unix ms.
 */
export interface RecordedCall {
  readonly callHistoryId: string;
  readonly mainCallHistoryId: string | null;
  readonly direction: Direction;
  readonly startedAt: number;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly caller: Party;
  readonly callee: Party;
  readonly did: string | null;
  readonly via: Via | null;
  readonly answeredBy: string | null;
  readonly disposition: Disposition;
  /** What the segments call each DN that is not a trunk's. */
  readonly names: ReadonlyMap<string, string>;
  /** The extensions that called or were rung. */
  readonly dns: readonly string[];
  /** Every DN that a segment names but trunks: queues, groups and menus are called, too. */
  readonly allDns: ReadonlySet<string>;
  readonly appearances: readonly Appearance[];
  /** The outside party's number; null for a call between extensions. */
  readonly outsideNumber: string | null;
  /** Phones that rang. */
  readonly legs: readonly FormerLeg[];
  /** A segment says that somebody hung up, or that there is nowhere left to go: nothing follows it. */
  readonly isOver: boolean;
  /** Neither over nor answered, where segments say how they end: the row of a conversation may come when that ends. */
  readonly isUndecided: boolean;
}

/** When an extension came in, once for every segment that names it. */
export interface Appearance {
  readonly dn: string;
  readonly at: number;
  /** When that segment ended; null while nobody knows. */
  readonly until: number | null;
  /** False for a phone that a queue asked while it was busy or away: call control shows nothing of that. */
  readonly hasRung: boolean;
}

/** How a segment ends when the whole call does. */
const LAST_REASONS: ReadonlySet<string | null> = new Set([
  'src_participant_terminated',
  'dst_participant_terminated',
  'no_route',
]);
/** After these another segment follows, and so it does while no reason is given. */
const PASSING_REASONS: ReadonlySet<string | null> = new Set(['redirected', 'continued_in', 'polling', null]);

export function readRecordedCall(cdr: CdrCall): RecordedCall | null {
  const [first] = cdr.segments;
  if (!first) return null;
  const last = cdr.segments.at(-1) ?? first;
  const direction = directionOf(cdr.segments);
  const answered = cdr.segments.filter(segment => isAnsweredByPerson(segment, direction));
  const answer = answered[0];
  const asked = cdr.segments.filter(segment => isExtension(segment.destination));
  const rung = asked.filter(segment => !isVainPoll(segment));
  const outside = direction === 'outbound' ? calledOutside(cdr.segments) : null;
  // A mobile that answers does so for the extension that was called.
  const taken = direction === 'outbound' ? undefined : answered.findLast(segment => isExtension(segment.destination));
  const callee = direction === 'outbound' ? outside : (taken ?? rung.at(-1) ?? asked.at(-1) ?? last).destination;
  const via = viaOf(cdr.segments);
  const ends = cdr.segments.map(segment => segment.endedAt);
  const appearances = appearancesIn(cdr.segments);
  const outsideNumber =
    direction === 'internal' ? null : ((direction === 'inbound' ? first.source : outside)?.number ?? null);
  const isOver = !ends.includes(null) && hasBeginning(first) && (isJoined(cdr) || isComplete(cdr.segments, via));
  const isTaken = answer !== undefined || isTakenElsewhere(cdr.segments, direction);
  return {
    callHistoryId: cdr.callHistoryId,
    mainCallHistoryId: cdr.mainCallHistoryId,
    direction,
    startedAt: first.startedAt,
    answeredAt: answer?.answeredAt ?? null,
    endedAt: ends.includes(null) ? null : Math.max(...ends.map(end => end ?? 0)),
    caller: toParty(first.source),
    callee: callee ? toParty(callee) : NOBODY,
    did: cdr.segments.find(segment => segment.source.did)?.source.did ?? null,
    via,
    answeredBy: taken?.destination.dn ?? null,
    disposition: isTaken ? 'answered' : unansweredBecause(cdr.segments, { direction, via }),
    names: namesIn(cdr.segments),
    allDns: dnsInside(cdr.segments),
    dns: [...new Set(appearances.filter(({ hasRung }) => hasRung).map(({ dn }) => dn))],
    appearances,
    outsideNumber,
    legs: rung.map(segment => toLeg(segment, answered)),
    isOver,
    isUndecided: !isOver && answer === undefined && cdr.segments.some(segment => segment.terminationReason !== null),
  };
}

/** Whom the caller called decides, not where that one has his calls go. A phone that rings itself is about to call. */
function directionOf(segments: readonly CdrSegment[]): Direction {
  const [first] = segments;
  if (first && isOutside(first.source)) return 'inbound';
  if (first && isExtension(first.source) && isInside(first.destination) && first.source.dn !== first.destination.dn) {
    return 'internal';
  }
  const goesOut = (segment: CdrSegment) =>
    isOutside(segment.destination) || segment.destination.entityType === 'outbound_rule';
  return segments.some(goesOut) ? 'outbound' : 'internal';
}

/** A call that found no way out has the rule that refused it, and the number only there. */
function calledOutside(segments: readonly CdrSegment[]): CdrEnd | undefined {
  const called = segments.map(segment => segment.destination);
  return called.findLast(isOutside) ?? called.findLast(end => end.number !== null);
}

/** Rows come late and in any order: a chain begins with a call that somebody made. */
function hasBeginning({ creationMethod }: CdrSegment): boolean {
  return creationMethod === null || creationMethod === 'call_init';
}

/** A consultation goes on in the call that it was about, and nothing follows under its own id. */
function isJoined({ callHistoryId, mainCallHistoryId }: CdrCall): boolean {
  return mainCallHistoryId !== null && mainCallHistoryId !== callHistoryId;
}

/** Phones that a queue or a group lets ring are given up side by side; otherwise one segment follows the other. */
function isComplete(segments: readonly CdrSegment[], via: Via | null): boolean {
  if (segments.some(segment => LAST_REASONS.has(segment.terminationReason))) return true;
  return via === null && segments.some(each => !isPolled(each) && !PASSING_REASONS.has(each.terminationReason));
}

function isPolled({ creationForwardReason, creationMethod, destination }: CdrSegment): boolean {
  return creationForwardReason === 'polling' || (creationMethod === 'route_to' && isExtension(destination));
}

/** A queue asks phones that are busy or away, too, hundreds of times in a long wait; they do not ring. */
function isVainPoll(segment: CdrSegment): boolean {
  const { answeredAt, terminationReason, terminationReasonDetails } = segment;
  if (answeredAt !== null || !isPolled(segment)) return false;
  return [terminationReason, terminationReasonDetails].some(word => word === 'busy' || word === 'not_registered');
}

/**
 * A queue, a menu and a voice mail answer too; that is not what is meant. A mobile to which an extension forwards its
 * calls, or that rings with it, is a person; where a row does not say what it reached, a number alone makes none of it.
 */
function isAnsweredByPerson({ answeredAt, destination }: CdrSegment, direction: Direction): boolean {
  if (answeredAt === null) return false;
  if (direction === 'outbound') return isOutside(destination);
  return isExtension(destination) || destination.entityType === 'external_line';
}

/** A phone was told to stop because another one took the call, of which the row is not there. */
function isTakenElsewhere(segments: readonly CdrSegment[], direction: Direction): boolean {
  return direction !== 'outbound' && segments.some(each => each.terminationReasonDetails === 'completed_elsewhere');
}

function unansweredBecause(
  segments: readonly CdrSegment[],
  { direction, via }: { direction: Direction; via: Via | null },
): Disposition {
  if (direction !== 'outbound') return via?.type === 'queue' ? 'abandoned' : 'missed';
  const says = (word: string) =>
    segments.some(({ terminationReason, terminationReasonDetails, creationForwardReason }) =>
      [terminationReason, terminationReasonDetails, creationForwardReason].includes(word),
    );
  if (says('busy')) return 'busy';
  return says('no_route') || says('rejected') || says('not_registered') || says('no_destinations')
    ? 'failed'
    : 'cancelled';
}

function viaOf(segments: readonly CdrSegment[]): Via | null {
  // As the source, too: its own row ends with the call, and may come after those of the phones it let ring.
  for (const { dn, entityType } of segments.flatMap(segment => [segment.destination, segment.source])) {
    if (dn === null) continue;
    if (entityType === 'queue') return { dn, type: 'queue' };
    if (entityType?.startsWith('ring_group')) return { dn, type: 'ring_group' };
  }
  return null;
}

function toLeg(segment: CdrSegment, answered: readonly CdrSegment[]): FormerLeg {
  const { destination, endedAt } = segment;
  const leftAt = endedAt === null ? null : new Date(endedAt).toISOString();
  return {
    dn: destination.dn ?? '',
    participantId: 0,
    party: segment.source.number,
    leftAt,
    outcome: outcomeOf(segment, answered),
  };
}

function outcomeOf(segment: CdrSegment, answered: readonly CdrSegment[]): LegOutcome {
  if (answered.includes(segment)) return 'answered';
  return segment.terminationReasonDetails === 'completed_elsewhere' ? 'answered_elsewhere' : 'missed';
}

function appearancesIn(segments: readonly CdrSegment[]): Appearance[] {
  return segments.flatMap(segment => {
    const { source, destination, startedAt: at, endedAt: until } = segment;
    return [source, destination].filter(isExtension).flatMap(end => {
      if (end.dn === null) return [];
      return [{ dn: end.dn, at, until, hasRung: end === source || !isVainPoll(segment) }];
    });
  });
}

function dnsInside(segments: readonly CdrSegment[]): ReadonlySet<string> {
  const ends = segments.flatMap(({ source, destination }) => [source, destination]);
  return new Set(ends.flatMap(end => (end.dn === null || isOutside(end) ? [] : [end.dn])));
}

function namesIn(segments: readonly CdrSegment[]): ReadonlyMap<string, string> {
  const ends = segments.flatMap(({ source, destination }) => [source, destination]).filter(end => !isOutside(end));
  return new Map(ends.flatMap(({ dn, name }) => (dn === null || name === null ? [] : [[dn, name] as const])));
}

function toParty(end: CdrEnd): Party {
  // The DN of an outside party is the trunk's, which many calls share: not the party.
  if (isOutside(end)) return { number: end.number, name: end.name, dn: null };
  return { number: end.number ?? end.dn, name: end.name, dn: end.dn };
}

function isExtension(end: CdrEnd): boolean {
  return end.entityType === 'extension' || (end.entityType === null && end.dn !== null && end.number === null);
}

function isInside(end: CdrEnd): boolean {
  return isExtension(end) || end.entityType === 'queue' || end.entityType?.startsWith('ring_group') === true;
}

function isOutside(end: CdrEnd): boolean {
  return end.entityType === 'external_line' || (end.entityType === null && end.number !== null);
}
