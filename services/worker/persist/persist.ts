import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { writePersisted } from '@3cx-relay/shared/log/persisted.ts';
import { recallLog } from '@3cx-relay/shared/log/recall.ts';
import { type Resolved, resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { traceBatch } from '@3cx-relay/shared/runtime/tracing.ts';
import { isRefusedByData, isServerTrouble } from '@3cx-relay/shared/store/data-error.ts';
import { endStalledInserts } from '@3cx-relay/shared/store/events.ts';
import { insertLogEpochs, selectPersistedLogs } from '@3cx-relay/shared/store/log-epochs.ts';
import { insertLogGap, type LogGap } from '@3cx-relay/shared/store/log-gaps.ts';
import { lockPosition, movePosition } from '@3cx-relay/shared/store/log-positions.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction, type PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { type Months, tablesOf } from '../retention/months.ts';
import { createDeadLetters, type DeadLetters, EVENTS } from './dead-letters.ts';
import type { PersistMetrics } from './persist-metrics.ts';
import type { Quarantine } from './quarantine.ts';
import { storeBatch } from './store-batch.ts';
import { fillTables } from './tables/fill-tables.ts';

/**
 * Copies a channel of the log to PostgreSQL, each entry once whatever is killed when.
 *
 * The position lives in PostgreSQL and moves in the transaction that inserts the rows: either both are there or
 * neither. Redis keeps no mark of its own (a consumer group would be a second truth that a failover can roll back).
 * The locked position is also what keeps two workers apart: whoever finds it locked leaves the channel to the other.
 */
export interface PersistDeps {
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: PostgresPool['pool'];
  readonly months: Months;
  readonly metrics: PersistMetrics;
  readonly logger: Logger;
  readonly errors?: ErrorSink;
  readonly quarantine?: Quarantine;
  /** Entries that one transaction copies at most. */
  readonly batchRows?: number;
}

type BatchOutcome =
  | {
      readonly kind: 'copied';
      readonly rows: number;
      readonly isMore: boolean;
      readonly position: LogPosition;
      /** What is to be told once it is true. */
      readonly news: readonly (() => void)[];
    }
  | { readonly kind: 'empty'; readonly position: LogPosition | null }
  /** Another worker is at this channel. */
  | { readonly kind: 'busy' };

const BATCH_ROWS = 4_000;
/** Of a batch that is taken apart: what goes with it, and the statements that this takes, stay few. */
const QUARANTINE_ROWS = 100;
/** A copy that waits so long for its rows is of a process that froze: others take over from it within ten seconds. */
const STALLED_MS = 5_000;
const BATCH_BYTES = 8 * 1024 ** 2;
/** Entries asked of Redis in one call: a page of the largest entries must not be more than memory bears. */
const PAGE_ROWS = 500;

/** Copies until nothing is left, another worker is at it, or the signal aborts; never stops inside a batch. */
export async function drainChannel(
  deps: PersistDeps,
  channel: Channel,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  let rows = 0;
  let position: LogPosition | null = null;
  const ahead: Ahead = { next: null };
  while (!signal.aborted) {
    const outcome = await copyBatch(deps, channel, ahead);
    if (outcome.kind !== 'busy') position = outcome.position;
    if (outcome.kind !== 'copied') break;
    rows += outcome.rows;
    if (!outcome.isMore) break;
  }
  if (position) await writePersisted({ redis: deps.redis, keys: deps.keys, channel }, position);
  return { rows };
}

async function copyBatch(deps: PersistDeps, channel: Channel, ahead: Ahead): Promise<BatchOutcome> {
  const startedAt = performance.now();
  const outcome = await inTransaction(deps.pool, async client => {
    const lock = await lockPosition(client, channel);
    if (!lock.locked) {
      await endStalledInserts(client, STALLED_MS);
      return { kind: 'busy' } as const;
    }
    return copyAfter({ deps, client, channel, ahead }, lock.position);
  });
  // Only what is committed counts.
  if (outcome.kind === 'copied') {
    deps.metrics.rows.inc({ channel }, outcome.rows);
    deps.metrics.batchRows.observe({ channel }, outcome.rows);
    deps.metrics.batchSeconds.observe({ channel }, (performance.now() - startedAt) / 1_000);
    for (const tell of outcome.news) tell();
  }
  return outcome;
}

interface Copy {
  readonly deps: PersistDeps;
  readonly client: PostgresClient;
  readonly channel: Channel;
  readonly ahead: Ahead;
}

/** The batch after this one, which is read while PostgreSQL stores this one: each waits for the other otherwise. */
interface Ahead {
  next: { readonly cursor: number; readonly epochs: LogInfo['epochs']; readonly entries: Promise<LogEntry[]> } | null;
}

async function copyAfter(copy: Copy, position: LogPosition | null): Promise<BatchOutcome> {
  const { deps, client, channel } = copy;
  const nothing = { kind: 'empty', position } as const;
  const log = await readLogInfo(deps.redis, deps.keys, channel);
  if (position && (await recall(copy, position, log))) return nothing;
  // Forgotten before anything was copied: the next append begins an epoch that its entries can have positions in.
  if (log.epochs.length === 0) return nothing;
  const { cursor, gap } = startOf(log, position);
  const isApart = deps.quarantine?.isOpen(channel) ?? false;
  const maxRows = isApart ? QUARANTINE_ROWS : (deps.batchRows ?? BATCH_ROWS);
  const entries =
    (await takeAhead(copy.ahead, { cursor, log, isApart })) ?? (await readBatch(deps, log, { cursor, maxRows }));
  const last = entries.at(-1);
  deps.metrics.lag.set({ channel }, Math.max(0, log.head - (last?.seq ?? cursor)));
  if (!last && !(gap && cursor === log.head)) return nothing;

  if (last && last.seq < log.head && !isApart) readAhead(copy, log, { cursor: last.seq, maxRows });
  const letters = createDeadLetters();
  const until = last ?? { epoch: epochOf(log.epochs, log.head) ?? '', seq: log.head };
  const hole = gap && { ...gap, after: position ?? startOfLog(log), beforeSeq: cursor + 1 };
  if (hole) await insertLogGap(client, { channel, ...hole });
  await storeAndFill(copy, entries, { letters, position, isApart });
  if (position?.epoch !== until.epoch) await insertLogEpochs(client, channel, log.epochs);
  const reached = { epoch: until.epoch, seq: until.seq };
  await movePosition(client, channel, reached);
  const passed = () => deps.quarantine?.passed(channel, letters.size);
  const news = [passed, () => letters.tell(deps), ...(hole ? [() => reportGap(deps, channel, hole)] : [])];
  return { kind: 'copied', rows: entries.length, isMore: until.seq < log.head, position: reached, news };
}

function readAhead({ deps, ahead }: Copy, log: LogInfo, batch: { cursor: number; maxRows: number }): void {
  const entries = readBatch(deps, log, batch);
  // Whoever takes it hears of the failure; nobody takes it when the batch before is not stored.
  entries.catch(() => undefined);
  ahead.next = { cursor: batch.cursor, epochs: log.epochs, entries };
}

/** What was read ahead, if it is what comes next in the log as it is now; null when it is to be read (again). */
async function takeAhead(
  ahead: Ahead,
  { cursor, log, isApart }: { cursor: number; log: LogInfo; isApart: boolean },
): Promise<LogEntry[] | null> {
  const { next } = ahead;
  ahead.next = null;
  if (!next || next.cursor !== cursor || isApart) return null;
  const isSameLog = next.epochs.length === log.epochs.length && startsAs(next.epochs, log.epochs);
  const entries = isSameLog ? await next.entries : [];
  return entries.length > 0 ? entries : null;
}

function startsAs(epochs: LogInfo['epochs'], now: LogInfo['epochs']): boolean {
  return epochs.every(({ epoch, first }, i) => now[i]?.epoch === epoch && now[i]?.first === first);
}

/** Fails as a whole, or puts every entry where it belongs; what PostgreSQL refuses becomes a dead letter beside it. */
async function storeAndFill(
  { deps, client, channel }: Copy,
  entries: readonly LogEntry[],
  batch: { letters: DeadLetters; position: LogPosition | null; isApart: boolean },
): Promise<void> {
  const { letters, position, isApart } = batch;
  if (entries.length === 0) return;
  const times = entries.map(({ at }) => at);
  for (const table of tablesOf(channel)) await deps.months.ensure(table, times);
  const span = traceBatch('worker.persist', channel, entries);
  const target = { client, channel, ...(isApart ? { isRefusal: isRefusedOrUnforeseen } : {}) };
  try {
    await storeBatch(
      { ...target, onUnstorable: (entry, error) => letters.add({ entry, target: EVENTS, error }) },
      entries,
    );
    const onUnstorable = async (table: string, row: unknown, error: unknown, entry: LogEntry) =>
      letters.add({ entry, target: table, error, row });
    await fillTables({ ...target, months: deps.months, onUnstorable }, entries);
    await letters.write(client);
  } catch (error) {
    deps.quarantine?.failed(channel, position, error);
    throw error;
  } finally {
    span?.end();
  }
}

function isRefusedOrUnforeseen(error: unknown): boolean {
  return isRefusedByData(error) || !isServerTrouble(error);
}

function startOf(log: LogInfo, position: LogPosition | null): Resolved {
  if (position) return resolvePosition(position, log);
  const lost = log.oldest - 1 - startOfLog(log).seq;
  return { cursor: log.oldest - 1, gap: lost > 0 ? { lost, reason: 'retention' } : null };
}

/** The position before its first entry. */
function startOfLog({ epochs, oldest }: LogInfo): LogPosition {
  return { epoch: epochs[0]?.epoch ?? '', seq: (epochs[0]?.first ?? oldest) - 1 };
}

/**
 * At most the log's head as it was when the epochs were read: what comes later may belong to a new epoch. Between the
 * two reads the log may have been lost and begun again with the same numbers, so the epochs are compared afterwards.
 */
async function readBatch(
  deps: PersistDeps,
  log: LogInfo,
  { cursor, maxRows }: { cursor: number; maxRows: number },
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  let bytes = 0;
  let after = cursor;
  while (entries.length < maxRows && bytes < BATCH_BYTES && after < log.head) {
    const page = await readPage(
      { redis: deps.redis, keys: deps.keys, epochs: log.epochs },
      { channel: log.channel, from: after + 1, to: log.head, count: Math.min(PAGE_ROWS, maxRows), isVerbatim: true },
    );
    const last = page.at(-1);
    if (!last) break;
    for (const entry of page) {
      bytes += entry.body.length;
      if (bytes > BATCH_BYTES && entries.length > 0) break;
      entries.push(entry);
    }
    after = last.seq;
  }
  if (entries.length === 0) return entries;
  const { epochs, oldest } = await readLogInfo(deps.redis, deps.keys, log.channel);
  if (!startsAs(log.epochs, epochs)) return [];
  // Entries were given up for want of room meanwhile: the next batch finds the gap in front of it, and tells it.
  return oldest > cursor + 1 ? untilHole(entries, cursor, log.epochs) : entries;
}

function untilHole(entries: readonly LogEntry[], cursor: number, epochs: LogInfo['epochs']): LogEntry[] {
  const follows = ({ seq }: LogEntry, index: number) =>
    seq === (entries[index - 1]?.seq ?? cursor) + 1 || epochs.some(({ first }) => first === seq);
  const hole = entries.findIndex((entry, index) => !follows(entry, index));
  return entries.slice(0, hole < 0 ? entries.length : hole);
}

/**
 * True when Redis had forgotten what PostgreSQL knows of this channel and was told: the log ends before the position, so
 * that its next append begins a new epoch, or it began again and did not know what there was before.
 */
async function recall(copy: Copy, position: LogPosition, log: LogInfo): Promise<boolean> {
  const { deps, client, channel } = copy;
  const isKnown = log.epochs.some(start => start.epoch === position.epoch);
  const isWhole = log.epochs.at(-1)?.epoch !== position.epoch || log.head >= position.seq;
  if (isKnown && isWhole) return false;
  const persisted = (await selectPersistedLogs(client)).get(channel);
  if (!persisted || !(await recallLog({ redis: deps.redis, keys: deps.keys, channel }, persisted))) return false;
  deps.metrics.lag.set({ channel }, 0);
  announce(deps, {
    component: 'log',
    severity: 'error',
    message: `the log of "${channel}" in Redis ends before what PostgreSQL has, or forgot it: Redis came back with older data or none, and clients are told of the gap; check appendfsync and the last failover`,
    details: { persisted: position, head: log.head },
  });
  return true;
}

type Hole = Omit<LogGap, 'channel'>;

function reportGap(deps: PersistDeps, channel: Channel, gap: Hole): void {
  deps.metrics.gaps.inc({ channel, reason: gap.reason });
  const why =
    gap.reason === 'retention'
      ? 'they were given up before they could be copied'
      : 'check whether Redis was restarted without its data';
  announce(deps, {
    component: 'log',
    severity: 'error',
    message: `the log of "${channel}" does not go on where PostgreSQL had got to, entries between are in neither: ${why}`,
    details: gap,
  });
}
