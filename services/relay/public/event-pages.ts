import { type EpochStart, epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import type { GapReason, Resolved } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { toFilter } from '../live/filter.ts';
import { type BlocksDeps, blocksUp } from '../replay/blocks-up.ts';
import { CLOCK_SLACK_MS, numberBefore } from '../replay/find-time.ts';
import { lostBehind } from '../replay/lost-behind.ts';
import { resolveIn } from '../replay/resolve.ts';
import { inOneLog } from '../replay/same-log.ts';
import { settledInfo } from '../replay/settled-info.ts';
import type { EventsQuery } from './events-query.ts';
import { ProblemError } from './problem-error.ts';

/** A page of messages as they go over the wire, in the order that was asked for. */
export interface EventPage {
  readonly messages: readonly string[];
  /** Where the following page in the same direction begins; null while nothing was ever written. */
  readonly next: string | null;
  readonly head: string | null;
  /** Whether there may be more in this direction now. */
  readonly more: boolean;
  /** The number behind `next`. */
  readonly cursor: number;
}

/** Entries that one request looks at, at most: a narrow filter over a long log gives short pages, not long waits. */
const MAX_SCANNED = 10_000;
const SCAN_PAGE = 1_000;

/** @throws ProblemError naming the parameter; what a store throws that is away */
export function readEventPage(deps: BlocksDeps, query: EventsQuery): Promise<EventPage> {
  const read = query.order === 'asc' ? readUp : readDown;
  return inOneLog(deps.ring(query.channel), () => read(deps, query));
}

async function readUp(deps: BlocksDeps, query: EventsQuery): Promise<EventPage> {
  const { channel, after = 'start', limit } = query;
  const { start, info } = await startOf(deps, channel, after);
  const stop = query.before === undefined ? info.head : Math.min(info.head, numberOf(query.before, info, 'before') - 1);
  const messages: string[] = [];
  if (start.gap) messages.push(gapText(info, { after, next: start.cursor + 1, ...start.gap }));
  let cursor = start.cursor;
  if (query.from !== undefined && stop - cursor > MAX_SCANNED) {
    cursor = await numberBefore(deps.log, info, { time: query.from, after: cursor });
  }
  const filter = toFilter(query, query.scope);
  const scannedUntil = cursor + MAX_SCANNED;
  let isPastTime = false;
  // A gap may be all that there is room for.
  const isFull = () => messages.length >= limit;
  scan: for await (const block of blocksUp(deps, { channel, epochs: info.epochs, after: cursor, head: stop })) {
    const lost = Math.min(lostBehind(block, cursor, info.epochs), stop - cursor);
    if (lost > 0) {
      messages.push(retentionText(info, cursor, cursor + lost + 1));
      cursor += lost;
    }
    for (const entry of block.behind(cursor)) {
      if (entry.seq > stop) break;
      if (isFull()) break scan;
      // Clocks may be set back a little, so that a time that is over ends the scan only when it is long over.
      isPastTime = query.to !== undefined && entry.at > query.to + CLOCK_SLACK_MS;
      if (isPastTime) break scan;
      cursor = entry.seq;
      const isInTime = entry.at >= (query.from ?? entry.at) && entry.at <= (query.to ?? entry.at);
      if (isInTime && (!filter || filter.matches(entry))) messages.push(String(entry.text));
      if (isFull()) break scan;
    }
    cursor = Math.min(block.last, stop);
    if (cursor >= scannedUntil) break;
  }
  return {
    messages,
    next: positionAt(info.epochs, cursor, Number.POSITIVE_INFINITY),
    head: positionAt(info.epochs, info.head, info.head),
    more: cursor < stop && !isPastTime,
    cursor,
  };
}

async function readDown(deps: BlocksDeps, query: EventsQuery): Promise<EventPage> {
  const { channel, after = 'start' } = query;
  const found = after === 'start' ? null : await startOf(deps, channel, after);
  const end = found?.start ?? null;
  const hot = found?.info ?? (await infoOf(deps, channel));
  const top = query.before === undefined ? hot.head : Math.min(hot.head, numberOf(query.before, hot, 'before') - 1);
  const bottom = end ? end.cursor + 1 : 1;
  const filter = toFilter(query, query.scope);
  const messages: string[] = [];
  const isFull = () => messages.length >= query.limit;
  let cursor = top + 1;
  let isPastTime = false;
  if (query.to !== undefined && top - bottom > MAX_SCANNED) {
    const time = query.to + 2 * CLOCK_SLACK_MS;
    cursor = Math.min(cursor, (await numberBefore(deps.log, hot, { time, after: bottom - 1 })) + 1);
  }
  const scannedUntil = cursor - MAX_SCANNED;
  scan: while (cursor > bottom) {
    const count = filter || query.to !== undefined ? SCAN_PAGE : Math.min(SCAN_PAGE, query.limit - messages.length);
    const range = { channel, epochs: hot.epochs, from: bottom, to: cursor - 1, count, newestFirst: true };
    const { entries, isWhole } = await deps.log.read(range);
    for (const entry of entries) {
      isPastTime = query.from !== undefined && entry.at < query.from - CLOCK_SLACK_MS;
      if (isPastTime) break scan;
      const hole = holeText(hot, entry.seq, cursor);
      if (hole) {
        messages.push(hole);
        cursor = entry.seq + 1;
        if (isFull()) break scan;
      }
      cursor = entry.seq;
      const isInTime = entry.at >= (query.from ?? entry.at) && entry.at <= (query.to ?? entry.at);
      if (isInTime && (!filter || filter.matches(entry))) messages.push(messageText(entry, hot.epochs));
      if (isFull()) break scan;
    }
    // Nothing older is in either store.
    if (entries.length < count && isWhole) {
      const hole = end && holeText(hot, bottom - 1, cursor);
      if (hole) messages.push(hole);
      cursor = bottom;
    }
    if (cursor <= scannedUntil) break;
  }
  const isThrough = cursor <= bottom && !isPastTime;
  const gap = isThrough && end?.gap ? gapText(hot, { after: query.after ?? null, next: bottom, ...end.gap }) : null;
  const hasRoom = !isFull();
  if (gap && hasRoom) messages.push(gap);
  return {
    messages,
    next: positionAt(hot.epochs, cursor, Number.POSITIVE_INFINITY),
    head: positionAt(hot.epochs, hot.head, hot.head),
    more: (cursor > bottom && !isPastTime) || (gap !== null && !hasRoom),
    cursor,
  };
}

function infoOf(deps: BlocksDeps, channel: Channel): Promise<LogInfo> {
  return settledInfo({ log: deps.log, ring: deps.ring(channel) }, channel);
}

/**
 * Where to begin, and what is known of the log, in this order: epochs that were forgotten may be told again meanwhile, and
 * what is found with them is to be named after them.
 */
async function startOf(deps: BlocksDeps, channel: Channel, after: string): Promise<{ start: Resolved; info: LogInfo }> {
  const found = await resolveIn({ log: deps.log, ring: deps.ring(channel) }, channel, after);
  if (!found) throw invalidPosition('after');
  const { start, info } = found;
  return { start: after === 'now' ? { cursor: info.head, gap: null } : start, info };
}

/** What is missing between two entries that a page has, or null; where an epoch begins its first entry says that itself. */
function holeText(info: LogInfo, from: number, next: number): string | null {
  if (next - from <= 1 || info.epochs.some(({ first }) => first === next)) return null;
  return retentionText(info, from, next);
}

function retentionText(info: LogInfo, from: number, next: number): string {
  const after = positionAt(info.epochs, from, info.head);
  return gapText(info, { after, next, lost: next - from - 1, reason: 'retention' });
}

/** `next`: the number that stands behind what is missing. */
function gapText(
  { channel, epochs, head }: LogInfo,
  { after, next, lost, reason }: { after: string | null; next: number; lost: number | null; reason: GapReason },
): string {
  return JSON.stringify({ type: 'gap', channel, after, before: positionAt(epochs, next, head), lost, reason });
}

/** For the far end of a range only the number counts: numbers grow across epochs. */
function numberOf(text: string, info: LogInfo, field: 'after' | 'before'): number {
  if (text === 'start') return 0;
  if (text === 'now') return info.head + (field === 'before' ? 1 : 0);
  const position = parsePosition(text);
  if (!position) throw invalidPosition(field);
  return position.seq;
}

function positionAt(epochs: readonly EpochStart[], seq: number, head: number): string | null {
  const epoch = epochOf(epochs, seq);
  return epoch && seq <= head ? formatPosition({ epoch, seq: Math.max(0, seq) }) : null;
}

function invalidPosition(field: string): ProblemError {
  return new ProblemError(
    'invalid_position',
    `${field}: must be a position that the relay sent, "start" or "now"`,
    field,
  );
}
