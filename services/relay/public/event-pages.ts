import { type EpochStart, epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import { toFilter } from '../live/filter.ts';
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

export async function readEventPage(deps: { redis: Redis; keys: LogKeys }, query: EventsQuery): Promise<EventPage> {
  const info = await readLogInfo(deps.redis, deps.keys, query.channel);
  return query.order === 'asc' ? readUp(deps, query, info) : readDown(deps, query, info);
}

async function readUp(deps: { redis: Redis; keys: LogKeys }, query: EventsQuery, info: LogInfo): Promise<EventPage> {
  const after = query.after ?? 'start';
  const start = startOf(after, info);
  const stop = query.before === undefined ? info.head : Math.min(info.head, numberOf(query.before, info, 'before') - 1);
  const messages: string[] = [];
  if (start.gap) {
    const before = positionAt(info.epochs, start.cursor + 1, info.head);
    messages.push(JSON.stringify({ type: 'gap', channel: query.channel, after, before, ...start.gap }));
  }
  const scan = await scanEntries(deps, query, info, { from: start.cursor + 1, to: stop, newestFirst: false });
  messages.push(...scan.messages);
  const cursor = scan.lastSeen ?? Math.max(start.cursor, Math.min(stop, info.head));
  return {
    messages,
    next: positionAt(info.epochs, cursor, Number.POSITIVE_INFINITY),
    head: positionAt(info.epochs, info.head, info.head),
    more: cursor < stop && !scan.isPastTime,
    cursor,
  };
}

async function readDown(deps: { redis: Redis; keys: LogKeys }, query: EventsQuery, info: LogInfo): Promise<EventPage> {
  const top = query.before === undefined ? info.head : Math.min(info.head, numberOf(query.before, info, 'before') - 1);
  const bottom = Math.max(info.oldest, query.after === undefined ? 0 : numberOf(query.after, info, 'after') + 1);
  const scan = await scanEntries(deps, query, info, { from: bottom, to: top, newestFirst: true });
  const cursor = scan.lastSeen ?? Math.min(top + 1, bottom);
  return {
    messages: scan.messages,
    next: positionAt(info.epochs, cursor, Number.POSITIVE_INFINITY),
    head: positionAt(info.epochs, info.head, info.head),
    more: cursor > bottom && !scan.isPastTime,
    cursor,
  };
}

interface Scan {
  readonly messages: readonly string[];
  /** Number of the last entry looked at; null when there was none. */
  readonly lastSeen: number | null;
  /** The scan left the time that was asked for: nothing further can match. */
  readonly isPastTime: boolean;
}

async function scanEntries(
  deps: { redis: Redis; keys: LogKeys },
  query: EventsQuery,
  info: LogInfo,
  range: { from: number; to: number; newestFirst: boolean },
): Promise<Scan> {
  const filter = toFilter(query);
  const messages: string[] = [];
  let { from, to } = range;
  let lastSeen: number | null = null;
  let scanned = 0;
  while (from <= to && scanned < MAX_SCANNED) {
    const count = filter ? SCAN_PAGE : Math.min(SCAN_PAGE, query.limit - messages.length);
    const entries = await readPage(
      { ...deps, epochs: info.epochs },
      { channel: query.channel, from, to, count, newestFirst: range.newestFirst },
    );
    for (const entry of entries) {
      // Clocks may step back, so leaving the time range ends the scan only in the direction of reading.
      const isPast = range.newestFirst
        ? query.from !== undefined && entry.at < query.from
        : query.to !== undefined && entry.at > query.to;
      if (isPast) return { messages, lastSeen, isPastTime: true };
      lastSeen = entry.seq;
      const isBefore = query.from !== undefined && entry.at < query.from;
      const isAfter = query.to !== undefined && entry.at > query.to;
      if (!isBefore && !isAfter && (!filter || filter.matches(entry))) messages.push(messageText(entry, info.epochs));
      if (messages.length >= query.limit) return { messages, lastSeen, isPastTime: false };
    }
    if (entries.length < count) return { messages, lastSeen: range.newestFirst ? from : to, isPastTime: false };
    scanned += entries.length;
    if (range.newestFirst) to = (lastSeen ?? from) - 1;
    else from = (lastSeen ?? to) + 1;
  }
  return { messages, lastSeen, isPastTime: false };
}

function startOf(after: string, info: LogInfo) {
  if (after === 'start') return { cursor: info.oldest - 1, gap: null };
  if (after === 'now') return { cursor: info.head, gap: null };
  const position = parsePosition(after);
  if (!position) throw invalidPosition('after');
  return resolvePosition(position, info);
}

/** For the far end of a range only the number counts: numbers grow across epochs. */
function numberOf(text: string, info: LogInfo, field: 'after' | 'before'): number {
  if (text === 'start') return info.oldest - 1;
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
