import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import { readSnapshot, type StateSnapshot } from '@3cx-relay/shared/log/snapshot.ts';
import { parseStored } from '@3cx-relay/shared/log/stored-json.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { type Call, parseCall } from './call-model/call.ts';

/** What an earlier process left in Redis: the calls it knew and how far its log certainly reaches. */
export interface EarlierRun {
  readonly snapshot: StateSnapshot;
  /** False for the very first: before it nobody listened, and nothing can have been missed. */
  readonly isAny: boolean;
  /** Unix ms of the last entry that a frame caused, or since when one listened that wrote nothing; null when unknown. */
  readonly writtenUntil: number | null;
  /** Notes of records/record-entry.ts. */
  readonly recovery: Readonly<Record<string, string>>;
  /** Calls that its last entries tell of, each in its latest state, the earliest first. */
  readonly recentCalls: readonly Call[];
}

export interface LookBackOptions {
  /** How long an ended call waits for its records: of those that ended so shortly before the last entry none is left out. */
  readonly lookBackMs: number;
  /** Entries that are read at most, of a log in which no frame is found. */
  readonly maxEntries: number;
}

const PAGE_ENTRIES = 200;

/**
 * Of whichever ingest wrote last, here or on another machine: what it left is in Redis. Waits for Redis: without the projection nobody could say which calls ended meanwhile, and the gap covers the wait.
 */
export async function readEarlierRun(
  source: { redis: Redis; keys: LogKeys },
  deps: { logger: Logger; signal?: AbortSignal },
  lookBack: LookBackOptions,
): Promise<EarlierRun> {
  const backoff = createBackoff({ firstMs: 100, maxMs: 2_000 });
  for (;;) {
    deps.signal?.throwIfAborted();
    try {
      const snapshot = await readSnapshot(source.redis, source.keys);
      const recovery = await source.redis.hgetall(source.keys.recovery);
      const { writtenUntil, recentCalls } = await readLastEntries(source, lookBack);
      const hasLog = snapshot.seq > 0;
      const begun = await source.redis.hget(source.keys.meta('calls'), 'begun');
      return {
        ...{ snapshot, recovery, recentCalls },
        isAny: hasLog || begun !== null,
        writtenUntil: hasLog || begun === null ? writtenUntil : Number(begun),
      };
    } catch (error) {
      if (backoff.attempts === 0)
        deps.logger.warn(`waiting for Redis before connecting to the PBX: ${messageOf(error)}`);
      await sleep(backoff.next(), deps.signal);
    }
  }
}

/**
 * To be called when a socket opens for the first time, `at` Unix ms: a process that dies before its first entry would else
 * look as if it had never listened. One that never got in missed nothing.
 */
export async function noteBegin({ redis, keys }: { redis: Redis; keys: LogKeys }, at: number): Promise<void> {
  await redis.hsetnx(keys.meta('calls'), 'begun', at);
}

/**
 * Only entries that a frame or a gap caused prove that there was a connection: a call may be ended by the grace two
 * seconds after the socket died, and the records of calls are found long after that.
 */
async function readLastEntries(
  { redis, keys }: { redis: Redis; keys: LogKeys },
  { lookBackMs, maxEntries }: LookBackOptions,
): Promise<Pick<EarlierRun, 'writtenUntil' | 'recentCalls'>> {
  const info = await readLogInfo(redis, keys, 'calls');
  const source = { redis, keys, epochs: info.epochs };
  const calls = new Map<string, Call>();
  let newestAt: number | null = null;
  let oldestAt: number | null = null;
  let witnessAt: number | null = null;
  for (let to = info.head, left = maxEntries; left > 0; ) {
    const count = Math.min(PAGE_ENTRIES, left);
    const page = await readPage(source, { channel: 'calls', from: info.oldest, to, count, newestFirst: true });
    const last = page.at(-1);
    if (!last) break;
    newestAt ??= page[0]?.at ?? null;
    oldestAt = last.at;
    witnessAt ??= page.find(entry => entry.type === 'gap' || !entry.body.includes('"data":null'))?.at ?? null;
    collectCalls(calls, page);
    const isFarEnough = newestAt !== null && last.at < newestAt - lookBackMs;
    if (witnessAt !== null && isFarEnough) break;
    to = last.seq - 1;
    left -= page.length;
  }
  return { writtenUntil: witnessAt ?? oldestAt, recentCalls: [...calls.values()].reverse() };
}

/** Each in the state that it was in last. */
function collectCalls(calls: Map<string, Call>, newestFirst: readonly LogEntry[]): void {
  for (const { call, body } of newestFirst) {
    if (call === null || calls.has(call)) continue;
    const told = parseStored<{ call: unknown }>(body)?.call;
    const parsed = told ? parseCall(JSON.stringify(told)) : null;
    if (parsed) calls.set(call, parsed);
  }
}
