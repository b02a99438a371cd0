import { type CallState, readCallState } from '@3cx-relay/shared/log/call-state.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { messageText } from '@3cx-relay/shared/log/message.ts';
import { resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import { parseStored } from '@3cx-relay/shared/log/stored-json.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { selectCallEvents, selectLastCallEvent } from '@3cx-relay/shared/store/call-events.ts';
import { isPostgresAway } from '@3cx-relay/shared/store/connection-error.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import { formatPosition, type LogPosition } from '@3cx-relay/shared/wire/position.ts';
import type pg from 'pg';
import { type DnScope, isInScope } from '../keys/dn-scope.ts';
import { type CallScan, scanBack, scanOn } from './call-scan.ts';
import { ProblemError } from './problem-error.ts';

export interface TimelineDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: pg.Pool;
}

export interface TimelineQuery {
  readonly callId: string;
  readonly after: LogPosition | null;
  readonly limit: number;
  /** What its key lets the client see. */
  readonly scope: DnScope | null;
}

export interface Timeline {
  /** Complete up to here. */
  readonly position: string;
  /** The call as it stands there, JSON. */
  readonly callJson: string | null;
  readonly ended: boolean;
  readonly messages: readonly string[];
  readonly next: string | null;
}

/** The log is trimmed behind what is persisted, so that a second look finds in PostgreSQL what went meanwhile. */
const LOOKS = 3;

/**
 * Everything the log holds of one call: from PostgreSQL what is persisted, from Redis what is not yet. Null when there is
 * no such call. @throws ProblemError `unavailable` when PostgreSQL is away and the call may be older than Redis
 */
export async function readCallTimeline(deps: TimelineDeps, query: TimelineQuery): Promise<Timeline | null> {
  for (let look = 0; look < LOOKS; look += 1) {
    const state = await readCallState(deps.redis, deps.keys, query.callId);
    const found = await readEntries(deps, query, state.info);
    if (found) return toTimeline(query, state, found);
  }
  throw new ProblemError('unavailable', 'the log is trimmed faster than it can be read right now: try again');
}

interface Found {
  /** Of the page, and perhaps one more. */
  readonly entries: readonly LogEntry[];
  readonly last: LogEntry | null;
  readonly upTo: LogPosition | null;
  readonly isCut: boolean;
}

async function readEntries(deps: TimelineDeps, query: TimelineQuery, info: LogInfo): Promise<Found | null> {
  const persisted = await orNothing(readPersisted(deps.pool, query, positionAt(info, info.head)));
  if (!persisted) return toFound(query, await readRedisAlone(deps, query, info));
  const from = persisted.upTo ? resolvePosition(persisted.upTo, info).cursor + 1 : info.oldest;
  const tail = await scanOn({ ...deps, info }, { callId: query.callId, from });
  if (!tail) return null;
  const upTo = tail.upTo ?? persisted.upTo;
  const found = toFound(query, { ...tail, upTo, entries: [...persisted.entries, ...tail.entries] });
  return { ...found, last: tail.entries.at(-1) ?? persisted.last };
}

function toFound({ after, limit }: TimelineQuery, scan: CallScan): Found {
  const isWanted = (entry: LogEntry) => after === null || formatPosition(entry) > formatPosition(after);
  const entries = scan.entries.filter(isWanted).slice(0, limit + 1);
  return { entries, last: scan.entries.at(-1) ?? null, upTo: scan.upTo, isCut: scan.isCut };
}

interface Persisted {
  readonly entries: readonly LogEntry[];
  readonly last: LogEntry | null;
  /** Null: nothing was ever persisted. */
  readonly upTo: LogPosition | null;
}

/** Not beyond `head`: what comes behind it belongs to a later look. */
async function readPersisted(
  pool: pg.Pool,
  { callId, after, limit }: TimelineQuery,
  head: LogPosition | null,
): Promise<Persisted> {
  const persisted = (await readPositions(pool)).get('calls');
  if (!persisted) return { entries: [], last: null, upTo: null };
  const upTo = head && formatPosition(head) < formatPosition(persisted) ? head : persisted;
  const start = after ?? { epoch: '', seq: 0 };
  const entries = await selectCallEvents(pool, callId, { after: start, upTo, limit: limit + 1 });
  const isWhole = entries.length > 0 && entries.length <= limit;
  const last = isWhole ? entries.at(-1) : await selectLastCallEvent(pool, callId, upTo);
  return { entries, last: last ?? null, upTo };
}

/** Without PostgreSQL Redis must reach back to where the call began, which its id tells. */
async function readRedisAlone(deps: TimelineDeps, { callId }: TimelineQuery, info: LogInfo): Promise<CallScan> {
  const scan = await scanBack({ ...deps, info }, callId);
  if (scan) return scan;
  throw new ProblemError(
    'unavailable',
    'PostgreSQL is away, and what Redis holds may not reach back to the beginning of this call: try again',
  );
}

function toTimeline(query: TimelineQuery, { info, callJson }: CallState, found: Found): Timeline | null {
  const { last, upTo, isCut } = found;
  const isVisible = ({ dn }: LogEntry) => isInScope(dn?.split(',') ?? [], query.scope);
  const page = found.entries.slice(0, query.limit);
  const visible = page.filter(isVisible);
  const isKnown = last !== null && (visible.length > 0 || isVisible(last));
  if (!isKnown || !upTo) return null;
  const json = callJson ?? callOf(last);
  const isPart = found.entries.length > query.limit;
  const end = isPart ? page.at(-1) : isCut ? upTo : null;
  return {
    position: formatPosition(upTo),
    callJson: json,
    ended: stateOf(json) === 'ended',
    messages: visible.map(entry => messageText(entry, info.epochs)),
    next: end ? formatPosition(end) : null,
  };
}

function callOf({ body }: LogEntry): string | null {
  const call = parseStored<{ call: unknown }>(body)?.call;
  return call === undefined || call === null ? null : JSON.stringify(call);
}

function stateOf(callJson: string | null): unknown {
  return callJson === null ? null : (JSON.parse(callJson) as { state?: unknown }).state;
}

function positionAt(info: LogInfo, seq: number): LogPosition | null {
  const epoch = epochOf(info.epochs, seq);
  return epoch === undefined ? null : { epoch, seq };
}

async function orNothing<Result>(reading: Promise<Result>): Promise<Result | null> {
  try {
    return await reading;
  } catch (error) {
    if (isPostgresAway(error)) return null;
    throw error;
  }
}
