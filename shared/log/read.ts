import type { Redis } from 'ioredis';
import { createBackoff, sleep } from '../runtime/retry.ts';
import type { Channel } from '../wire/channels.ts';
import { decodeEntry, type LogEntry, type StreamEntry } from './entry.ts';
import { beganWithin, type EpochStart, epochAfter, epochOf } from './epochs.ts';
import type { LogKeys } from './keys.ts';
import { type LogInfo, readLogInfo, readLogInfos } from './log-info.ts';

/**
 * Reads channels in log order: what is there, and with `follow` what is still to come, as one async iterable.
 *
 * One follower costs Redis one blocked connection whatever the number of channels, and that connection must be its
 * own. A blocked XREAD has two silent failures, and both are answered here rather than by every reader: on a server
 * that froze it waits for ever (the connection's silence limit rejects it and the loop retries), and of a stream that
 * was deleted and begun again with smaller ids it tells nothing for ever (so the log's epochs are looked at whenever
 * nothing came for a while, and now and then when other channels never are silent).
 */
export type LogPage =
  | {
      readonly kind: 'entries';
      readonly channel: Channel;
      readonly entries: readonly LogEntry[];
      readonly epochs: readonly EpochStart[];
    }
  /** The log of this channel was lost and begun again: earlier positions mean nothing in it. Reading goes on at its first number, `info.oldest`, of which Redis may not have all any more. */
  | {
      readonly kind: 'reset';
      readonly channel: Channel;
      readonly info: LogInfo;
    };

export interface ReadOptions {
  readonly redis: Redis;
  readonly keys: LogKeys;
  /** For each channel the number after which to read. */
  readonly after: ReadonlyMap<Channel, number>;
  readonly signal: AbortSignal;
  /** Entries for one page and channel. */
  readonly count?: number;
  /** Stay and wait for what comes; `redis` is then used by nobody else. */
  readonly follow?: boolean;
  /** Longest wait in one call, ms; the connection's silence limit must be longer. */
  readonly blockMs?: number;
  readonly onError?: (error: unknown, attempt: number) => void;
  readonly onHealthy?: () => void;
}

const DEFAULT_COUNT = 500;
const DEFAULT_BLOCK_MS = 1_000;
const LOOK_EVERY_MS = 1_000;
/** Of one server, and of a node of a Cluster. */
const CONNECTION_LOST = ['close', '-node'];

interface Cursor {
  after: number;
  epochs: readonly EpochStart[];
  /** At the last look the log ended before what was read of it, or did not know its epoch: the next one may begin behind us. */
  isInDoubt: boolean;
  /** Where the log ended that was first seen to have come back from before the epoch that was read. */
  olderHead: number | null;
}

export async function* readLog(options: ReadOptions): AsyncGenerator<LogPage, void, void> {
  const losses = options.follow ? watchLosses(options.redis) : NO_LOSSES;
  try {
    yield* read(options, losses);
  } finally {
    losses.stop();
  }
}

async function* read(options: ReadOptions, losses: Losses): AsyncGenerator<LogPage, void, void> {
  const { keys, signal } = options;
  const cursors = new Map<Channel, Cursor>();
  for (const [channel, after] of options.after)
    cursors.set(channel, { after, epochs: [], isInDoubt: false, olderHead: null });
  const byKey = new Map([...cursors.keys()].map(channel => [keys.log(channel), channel]));
  const backoff = createBackoff({ firstMs: 100, maxMs: 2_000 });
  // A follower must know which epochs it began in before it has read anything, or it could not tell a new log from its own.
  let isSuspicious = options.follow ?? false;
  let lookedAt = performance.now();

  while (!signal.aborted) {
    try {
      const isLongAgo = options.follow && performance.now() - lookedAt > LOOK_EVERY_MS;
      if (losses.any() || isSuspicious || isLongAgo) {
        // A server that came back may have come back without its data.
        for (const info of await readLogInfos(options.redis, keys, [...cursors.keys()])) {
          const cursor = cursors.get(info.channel);
          const reset = cursor && findReset(info, cursor);
          if (reset) yield reset;
        }
        isSuspicious = false;
        lookedAt = performance.now();
      }
      const reply = await readOnce(options, cursors);
      if (signal.aborted) return;
      backoff.reset();
      options.onHealthy?.();
      for (const [key, raw] of reply ?? []) {
        const channel = byKey.get(key);
        const cursor = channel && cursors.get(channel);
        if (!channel || !cursor) continue;
        const reset = cursor.isInDoubt ? findReset(await readLogInfo(options.redis, keys, channel), cursor) : null;
        if (reset) {
          yield reset;
          continue;
        }
        const { entries, isOfAnotherLog } = await decode(options, channel, cursor, raw);
        if (entries.length > 0) yield { kind: 'entries', channel, entries, epochs: cursor.epochs };
        isSuspicious ||= isOfAnotherLog;
      }
      if (!reply) {
        if (!options.follow) return;
        isSuspicious = true;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!options.follow) throw error;
      isSuspicious = true;
      const waitMs = backoff.next();
      options.onError?.(error, backoff.attempts);
      await sleep(waitMs, signal);
    }
  }
}

/** A connection that was lost while nobody asked anything, and is there again: to another server perhaps. */
interface Losses {
  /** Whether it was lost since this was last called. */
  any(): boolean;
  stop(): void;
}

const NO_LOSSES: Losses = { any: () => false, stop: () => undefined };

function watchLosses(redis: Redis): Losses {
  let wasLost = false;
  const note = () => {
    wasLost = true;
  };
  for (const event of CONNECTION_LOST) redis.on(event, note);
  return {
    any() {
      const any = wasLost;
      wasLost = false;
      return any;
    },
    stop() {
      for (const event of CONNECTION_LOST) redis.off(event, note);
    },
  };
}

type ReadReply = [key: string, entries: StreamEntry[]][] | null;

async function readOnce(options: ReadOptions, cursors: ReadonlyMap<Channel, Cursor>): Promise<ReadReply> {
  const { redis, keys } = options;
  const streams = [...cursors.keys()].map(channel => keys.log(channel));
  const ids = [...cursors.values()].map(cursor => `${cursor.after}-0`);
  const count = options.count ?? DEFAULT_COUNT;
  return options.follow
    ? redis.xread('COUNT', count, 'BLOCK', options.blockMs ?? DEFAULT_BLOCK_MS, 'STREAMS', ...streams, ...ids)
    : redis.xread('COUNT', count, 'STREAMS', ...streams, ...ids);
}

async function decode(
  options: ReadOptions,
  channel: Channel,
  cursor: Cursor,
  raw: readonly StreamEntry[],
): Promise<{ entries: LogEntry[]; isOfAnotherLog: boolean }> {
  const entries: LogEntry[] = [];
  for (const item of raw) {
    // An epoch begins with its gap entry, except the very first one.
    const entry = decodeEntry(channel, '', item);
    if (cursor.epochs.length === 0 || entry.type === 'gap') {
      const { epochs } = await readLogInfo(options.redis, options.keys, channel);
      if (epochs.length === 0) throw new Error(`the epochs of ${channel} are gone until its writer begins a new one`);
      const known = cursor.epochs.at(-1)?.epoch;
      // Its epochs were forgotten: which one an entry between the known and the new ones had, nobody can say.
      if (options.follow && known !== undefined && !epochs.some(start => start.epoch === known))
        return { entries, isOfAnotherLog: true };
      cursor.epochs = epochs;
    }
    const epoch = epochOf(cursor.epochs, entry.seq) ?? '';
    // What stands before the first epoch had one that was forgotten: it has no position any more.
    if (entry.seq >= (cursor.epochs[0]?.first ?? 0)) entries.push({ ...entry, epoch });
    cursor.after = entry.seq;
  }
  return { entries, isOfAnotherLog: false };
}

function findReset(info: LogInfo, cursor: Cursor): LogPage | null {
  const known = cursor.epochs.at(-1)?.epoch;
  // Forgotten, and nobody has written since: PostgreSQL may tell them again, or a new epoch says what became of the log.
  if (known !== undefined && info.epochs.length === 0) {
    cursor.isInDoubt = true;
    return null;
  }
  const last = info.epochs.at(-1);
  const isKnown = info.epochs.some(start => start.epoch === known);
  const isOlder = !isKnown && cursor.epochs.some(start => start.epoch === last?.epoch);
  if (isOlder && info.head < cursor.after && info.head === (cursor.olderHead ?? info.head)) {
    // Its writer will say so in a later epoch, or PostgreSQL tell of the one that was read. Who remembers nothing goes on.
    cursor.olderHead = info.head;
    cursor.isInDoubt = true;
    return null;
  }
  cursor.olderHead = null;
  const isContinued = known === undefined ? cursor.after <= info.head : isKnown;
  const unseen = info.epochs.slice(info.epochs.findIndex(start => start.epoch === known) + 1);
  cursor.epochs = info.epochs;
  cursor.isInDoubt = isContinued && info.head < cursor.after;
  // A head behind the cursor alone is a failover that lost its tail: the writer will begin a new epoch after its own
  // high-water mark, which is beyond ours, so waiting at the cursor misses nothing. A writer that died with it knows less
  // than we saw, and its new epoch begins behind us.
  if (isContinued && (known === undefined || !beganWithin(unseen, cursor.after))) return null;
  // What Redis has lost or trimmed again since that one began may be in PostgreSQL: a reader is not to pass it over here.
  const begun = isContinued ? unseen[0] : (epochAfter(info.epochs, known ?? '') ?? (isOlder ? last : info.epochs[0]));
  const oldest = begun?.first ?? info.oldest;
  cursor.after = oldest - 1;
  return { kind: 'reset', channel: info.channel, info: { ...info, oldest } };
}
