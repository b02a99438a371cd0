import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { type ShownAuditEntry, selectAuditEntries } from '@3cx-relay/shared/store/audit-log.ts';
import type { CallKey } from '@3cx-relay/shared/store/call-filters.ts';
import { type CallRecord, selectCallStatistics, selectCalls } from '@3cx-relay/shared/store/call-history.ts';
import { LATEST_MS } from '@3cx-relay/shared/store/call-keys.ts';
import { isUnknownTimeZone } from '@3cx-relay/shared/store/data-error.ts';
import { readEventHistory } from '@3cx-relay/shared/store/event-history.ts';
import { selectPersistedLogs } from '@3cx-relay/shared/store/log-epochs.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { StoredAudit, StoredCall } from '@3cx-relay/shared/wire/history.ts';
import { formatPosition, type LogPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type pg from 'pg';
import { ProblemError } from '../problem-error.ts';
import type { PageBounds } from './history-kind.ts';
import type { HistorySources } from './history-sources.ts';
import type { StatisticsQuery } from './statistics-query.ts';

/** A page takes milliseconds, the sums of years a second. */
const TIMEOUT_MS = 10_000;

/** Connections of their own: whoever searches never keeps a key from being checked, nor a client from its replay. */
export function openHistory(
  options: { databaseUrl: string; maxReads: number; maxStatisticsRows: number },
  logger: Logger,
): { sources: HistorySources; stop(): Promise<void> } {
  const { pool, stop } = createPool({
    databaseUrl: options.databaseUrl,
    max: options.maxReads,
    name: 'relay search',
    statementTimeoutMs: TIMEOUT_MS,
    logger,
  });
  return { sources: sourcesOf(pool, options), stop };
}

/** What stands in PostgreSQL, behind the cursors that clients know. */
function sourcesOf(pool: pg.Pool, { maxStatisticsRows }: { maxStatisticsRows: number }): HistorySources {
  return {
    async statistics(query) {
      const found = await orTimeZone(selectCallStatistics(pool, { ...query, limit: maxStatisticsRows + 1 }));
      if (found.length > maxStatisticsRows) throw tooManySums(query, maxStatisticsRows);
      return found.map(({ period, id, ring, talk, ...counts }) => ({
        at: period,
        id: query.of === 'all' ? null : id,
        ...counts,
        ...{ ringMs: ring.sumMs, meanRingMs: ring.meanMs, talkMs: talk.sumMs, meanTalkMs: talk.meanMs },
      }));
    },
    calls: ({ from, to, dn, queue, number, call, direction, disposition, scope }) => {
      const filters = {
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
        dns: dn,
        queues: queue,
        numbers: number,
        callIds: call,
        directions: direction,
        dispositions: disposition,
        scopeDns: scope ?? undefined,
      };
      return async bounds => {
        const { calls, next } = await selectCalls(pool, filters, {
          ...within(bounds, parseCallCursor),
          limit: bounds.limit,
        });
        return { rows: calls.map(toStoredCall), next: next && formatCallCursor(next) };
      };
    },
    events: ({ channel, from, to, dn, event, number, call, key, component, scope }) => {
      const query = {
        ...{ channel, from, to, numbers: number, dns: dn, events: event, calls: call, components: component },
        keyIds: key?.map(Number),
        scopeDns: scope ?? undefined,
      };
      return async bounds => {
        const { entries, next } = await readEventHistory(pool, query, {
          ...within(bounds, parsePosition),
          limit: bounds.limit,
        });
        return { rows: entries, next: next && formatPosition(next) };
      };
    },
    audit: ({ from, to, action, actor, target, outcome }) => {
      const filters = {
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
        ...{ actions: action, actors: actor, targets: target, outcomes: outcome },
      };
      return async bounds => {
        const { limit } = bounds;
        const found = await selectAuditEntries(pool, filters, { ...within(bounds, parseSeq), limit: limit + 1 });
        const entries = found.slice(0, limit);
        const next = found.length > limit ? String(entries.at(-1)?.seq) : null;
        return { rows: entries.map(toStoredAudit), next };
      };
    },
    async epochs(channel) {
      return (await selectPersistedLogs(pool)).get(channel)?.epochs ?? [];
    },
  };
}

/** How many there are only the counting tells: they are periods with calls times extensions with calls. */
function tooManySums({ of, ids }: StatisticsQuery, maxRows: number): ProblemError {
  const fewer = of === 'all' ? [] : [ids ? `name fewer in "${of}"` : `name some of them in "${of}"`];
  const ways = ['let "from" and "to" be closer together', 'count "by" longer periods', ...fewer].join(', or ');
  const message = `to: this would be more than ${maxRows} sums (RELAY_MAX_STATISTICS_ROWS): ${ways}`;
  return new ProblemError('invalid_request', message, 'to');
}

/** Of a zone that is known here PostgreSQL may know another name alone. @throws ProblemError naming the parameter */
async function orTimeZone<Found>(asked: Promise<Found>): Promise<Found> {
  try {
    return await asked;
  } catch (error) {
    if (!isUnknownTimeZone(error)) throw error;
    const message = 'timeZone: PostgreSQL does not know this name: it may know a newer one, such as Asia/Kolkata';
    throw new ProblemError('invalid_request', message, 'timeZone');
  }
}

/** @throws ProblemError naming the parameter that is no cursor of this route */
function within<Cursor extends CallKey | LogPosition | number>(
  { after, before, newestFirst }: PageBounds,
  parse: (text: string) => Cursor | null,
) {
  const bound = (name: 'after' | 'before', text: string | null): Cursor | null => {
    if (text === null) return null;
    const cursor = parse(text);
    if (cursor !== null) return cursor;
    throw new ProblemError('invalid_request', `${name}: must be a cursor that this route handed out`, name);
  };
  return { after: bound('after', after), before: bound('before', before), newestFirst };
}

/** The one place that looks inside the cursor of a call: its time, base 36, and its id. */
function formatCallCursor({ at, callId }: CallKey): string {
  return `${at.toString(36)}.${callId}`;
}

function parseCallCursor(text: string): CallKey | null {
  const [, time = '', callId = ''] = /^([0-9a-z]{1,11})\.(.+)$/.exec(text) ?? [];
  const at = Number.parseInt(time, 36);
  return at <= LATEST_MS ? { at, callId } : null;
}

function parseSeq(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function toStoredAudit({
  at,
  actorKind,
  actorId,
  actorName,
  prevHash,
  details,
  ...entry
}: ShownAuditEntry): StoredAudit {
  return {
    ...entry,
    at: new Date(at).toISOString(),
    actor: { kind: actorKind, id: actorId, name: actorName },
    details: JSON.parse(details),
    previousHash: prevHash,
  };
}

function toStoredCall({ at, epoch, seq, ...call }: CallRecord): StoredCall {
  return {
    cursor: formatCallCursor({ at, callId: call.callId }),
    ...call,
    dns: [...call.dns],
    caller: { ...call.caller },
    callee: { ...call.callee },
    via: call.via?.type ? { dn: call.via.dn, type: call.via.type } : null,
    position: formatPosition({ epoch, seq }),
  };
}
