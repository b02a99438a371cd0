import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { recallLog } from '@3cx-relay/shared/log/recall.ts';
import { type Resolved, resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { insertLogEpochs, selectPersistedLogs } from '@3cx-relay/shared/store/log-epochs.ts';
import { lockPosition, movePosition } from '@3cx-relay/shared/store/log-positions.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { inTransaction, type PostgresClient } from '@3cx-relay/shared/store/transaction.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import { eventsTable, type Months } from './months.ts';
import type { PersistMetrics } from './persist-metrics.ts';
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
}

type BatchOutcome =
  | { readonly kind: 'copied'; readonly rows: number; readonly isMore: boolean }
  | { readonly kind: 'empty' }
  /** Another worker is at this channel. */
  | { readonly kind: 'busy' };

const BATCH_ROWS = 2_000;
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
  while (!signal.aborted) {
    const outcome = await copyBatch(deps, channel);
    if (outcome.kind !== 'copied') break;
    rows += outcome.rows;
    if (!outcome.isMore) break;
  }
  return { rows };
}

async function copyBatch(deps: PersistDeps, channel: Channel): Promise<BatchOutcome> {
  const startedAt = performance.now();
  const outcome = await inTransaction(deps.pool, async client => {
    const lock = await lockPosition(client, channel);
    if (!lock.locked) return { kind: 'busy' } as const;
    return copyAfter({ deps, client, channel }, lock.position);
  });
  // Only what is committed counts.
  if (outcome.kind === 'copied') {
    deps.metrics.rows.inc({ channel }, outcome.rows);
    deps.metrics.batchRows.observe({ channel }, outcome.rows);
    deps.metrics.batchSeconds.observe({ channel }, (performance.now() - startedAt) / 1_000);
  }
  return outcome;
}

interface Copy {
  readonly deps: PersistDeps;
  readonly client: PostgresClient;
  readonly channel: Channel;
}

async function copyAfter(copy: Copy, position: LogPosition | null): Promise<BatchOutcome> {
  const { deps, client, channel } = copy;
  const log = await readLogInfo(deps.redis, deps.keys, channel);
  if (position && (await recall(copy, position, log))) return { kind: 'empty' };
  // Forgotten before anything was copied: the next append begins an epoch that its entries can have positions in.
  if (log.epochs.length === 0) return { kind: 'empty' };
  const { cursor, gap } = startOf(log, position);
  const entries = await readBatch(deps, log, cursor);
  const last = entries.at(-1);
  deps.metrics.lag.set({ channel }, Math.max(0, log.head - (last?.seq ?? cursor)));
  if (!last) return { kind: 'empty' };
  if (position && gap) reportGap(copy, position, gap);

  await deps.months.ensure(
    eventsTable(channel),
    entries.map(({ at }) => at),
  );
  await storeBatch({ client, channel, onUnstorable: (entry, error) => reportUnstorable(deps, entry, error) }, entries);
  const filling = {
    client,
    months: deps.months,
    onUnstorable: (row: unknown, error: unknown) => reportUnfilled(copy, row, error),
  };
  await fillTables(filling, channel, entries);
  if (position?.epoch !== last.epoch) await insertLogEpochs(client, channel, log.epochs);
  await movePosition(client, channel, { epoch: last.epoch, seq: last.seq });
  return { kind: 'copied', rows: entries.length, isMore: last.seq < log.head };
}

function startOf(log: LogInfo, position: LogPosition | null): Resolved {
  return position ? resolvePosition(position, log) : { cursor: log.oldest - 1, gap: null };
}

/**
 * At most the log's head as it was when the epochs were read: what comes later may belong to a new epoch. Between the
 * two reads the log may have been lost and begun again with the same numbers, so the epochs are compared afterwards.
 */
async function readBatch(deps: PersistDeps, log: LogInfo, cursor: number): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  let bytes = 0;
  let after = cursor;
  while (entries.length < BATCH_ROWS && bytes < BATCH_BYTES && after < log.head) {
    const page = await readPage(
      { redis: deps.redis, keys: deps.keys, epochs: log.epochs },
      { channel: log.channel, from: after + 1, to: log.head, count: PAGE_ROWS },
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
  const { epochs } = await readLogInfo(deps.redis, deps.keys, log.channel);
  const isSameLog = log.epochs.every((start, i) => epochs[i]?.epoch === start.epoch);
  return isSameLog ? entries : [];
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

function reportGap(copy: Copy, position: LogPosition, gap: NonNullable<Resolved['gap']>): void {
  copy.deps.metrics.gaps.inc({ channel: copy.channel, reason: gap.reason });
  announce(copy.deps, {
    component: 'log',
    severity: 'error',
    message: `the log of "${copy.channel}" does not go on where PostgreSQL had got to: entries between are in neither; check whether Redis was restarted without its data`,
    details: { persisted: position, gap },
  });
}

function reportUnstorable(deps: PersistDeps, entry: LogEntry, error: unknown): void {
  deps.metrics.unstorable.inc({ channel: entry.channel });
  announce(deps, {
    component: 'persist',
    severity: 'error',
    message: `PostgreSQL refused an entry of "${entry.channel}": nothing is lost, its body is stored as text`,
    details: { epoch: entry.epoch, seq: entry.seq, error },
  });
}

/** The entry itself is stored; only the table that is made from it goes without. */
function reportUnfilled({ deps, channel }: Copy, row: unknown, error: unknown): void {
  deps.metrics.unstorable.inc({ channel });
  deps.logger.error({ channel, row, err: error }, 'PostgreSQL refused a row that an entry stands for');
}
