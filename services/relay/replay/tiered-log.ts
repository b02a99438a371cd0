import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { type EpochStart, parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { type LogInfo, readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { createSemaphore } from '@3cx-relay/shared/runtime/semaphore.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { shareReads } from '../share-reads.ts';
import type { ColdLog } from './cold-log.ts';
import { isSameLog } from './same-log.ts';

/**
 * The log as one, from its oldest entry in PostgreSQL to its newest in Redis, under one numbering.
 *
 * Nothing leaves Redis before it is in PostgreSQL, so the two together have no hole: what Redis has is read there, and
 * what lies before its oldest entry in PostgreSQL, as does what a failover lost after it was copied. PostgreSQL is asked only when it is needed; while it is away,
 * whoever is behind the oldest entry of Redis is told so, and nobody else notices.
 */
export interface TieredLog {
  /** What Redis holds, read now; of the newest epoch all that was ever seen of it. */
  hotInfo(channel: Channel): Promise<LogInfo>;
  /** The same for who is only told of it, as everybody is who connects: in a crowd it may take a moment longer. */
  greetingInfo(channel: Channel): Promise<LogInfo>;
  /** The same with the oldest entry that either holds. @throws when PostgreSQL is away */
  wholeInfo(hot: LogInfo): Promise<LogInfo>;
  /** @throws when a tier is away that is needed; LogBegunAgain when Redis has another log than the epochs are of */
  read(range: TieredRange): Promise<TieredEntries>;
  /** The log of this channel was lost and begun again: what was known of it is void. */
  forget(channel: Channel): void;
}

/** The log was lost and begun again, and whoever asks by its numbers does not know yet: the tail is about to tell. */
export class LogBegunAgain extends Error {
  /** For who asks once it is as if Redis were away for a moment. */
  readonly code = 'ETIMEDOUT';

  constructor(channel: Channel) {
    super(`the log of ${channel} was begun again and is not read yet`);
    this.name = 'LogBegunAgain';
  }
}

export interface TieredRange {
  readonly channel: Channel;
  readonly epochs: readonly EpochStart[];
  /** Both inclusive. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly newestFirst?: boolean;
  /** What lies before this number may be left out when only PostgreSQL has it; default `from`. */
  readonly neededFrom?: number;
}

export interface TieredEntries {
  readonly entries: readonly LogEntry[];
  /** How many of them came from PostgreSQL. */
  readonly cold: number;
  /** False when what PostgreSQL has was left out: before `neededFrom`, or because it is away. */
  readonly isWhole: boolean;
}

/** Nobody notices it in a connection that is just being made, and two thousand of them cost a tenth of the reads. */
const INFO_REST_MS = 10;
/** Of every channel for every client: after a restart most of the looks at the log. */
const GREETING_REST_MS = 50;

export function createTieredLog(
  deps: { redis: Redis; keys: LogKeys; cold: ColdLog },
  options: { maxReads: number },
): TieredLog {
  const { redis, keys, cold } = deps;
  const inTurn = createSemaphore(options.maxReads);
  /** Where Redis was last seen to begin. Trimming only moves it up, so what lies before it need not be asked for there. */
  const hotOldest = new Map<Channel, number>();
  /** What was last known of each channel. */
  const seen = new Map<Channel, LogInfo>();
  /** Everybody who connects asks for it, for each channel: 500 at once must not be 2,000 transactions. */
  const look = (channel: Channel) => inTurn(() => readLogInfo(redis, keys, channel));
  const readInfo = shareReads(look, { restMs: INFO_REST_MS });
  const readGreeting = shareReads(look, { restMs: GREETING_REST_MS });

  function toReachable(info: LogInfo): LogInfo {
    const { channel } = info;
    const before = seen.get(channel);
    // Epochs that were forgotten and not begun anew say nothing: whoever knows of them goes on with what was there.
    const known = info.epochs.length === 0 ? (before ?? info) : info;
    // A failover that loses its tail puts the end back; until an epoch begins behind it, readers may stand beyond.
    const isSameEpoch = before?.epochs.at(-1)?.epoch === known.epochs.at(-1)?.epoch;
    const head = isSameEpoch ? Math.max(known.head, before?.head ?? 0) : known.head;
    const reachable = { ...known, head, oldest: Math.max(known.oldest, firstOf(known.epochs)) };
    seen.set(channel, reachable);
    return reachable;
  }

  function readHot({ epochs, ...range }: TieredRange): Promise<LogEntry[]> {
    return inTurn(async () => {
      const page = await readPage({ redis, keys, epochs }, range);
      if (page.length === 0) return page;
      // Behind the page: what it was read from was begun before. Its entries would get positions of the log that is gone.
      const now = parseEpochs(await redis.hget(keys.meta(range.channel), 'epochs'));
      if (!isSameLog({ epochs, head: range.to }, now)) throw new LogBegunAgain(range.channel);
      return page;
    });
  }

  async function readUp(range: TieredRange): Promise<TieredEntries> {
    const { channel, from, to, neededFrom = from } = range;
    const mayBeHot = to >= (hotOldest.get(channel) ?? 0);
    const hot = mayBeHot ? await readHot(range) : [];
    const first = hot[0]?.seq ?? to + 1;
    // Before an epoch numbers may be missing that a failover lost, with older entries in front of them.
    const isBehindTrim = first > from && hot.length > 0 && !range.epochs.some(epoch => epoch.first === first);
    if (isBehindTrim) hotOldest.set(channel, first);
    const isWhole = first <= from || first > neededFrom;
    const found = await fillUp({ ...range, from: isWhole ? from : first }, hot);
    if (mayBeHot || found.entries.length >= Math.min(range.count, to - from + 1)) return { ...found, isWhole };
    // What was known of Redis may be of a log that is gone.
    hotOldest.delete(channel);
    return readUp(range);
  }

  /** What stands between the entries of Redis, and behind them, as far as PostgreSQL has it. */
  async function fillUp(range: TieredRange, hot: readonly LogEntry[]): Promise<Omit<TieredEntries, 'isWhole'>> {
    const entries: LogEntry[] = [];
    let fromCold = 0;
    let next = range.from;
    const fill = async (to: number) => {
      const missing = range.count - entries.length;
      if (next > to || missing <= 0) return;
      const old = await cold.read({ ...range, from: next, to, count: missing });
      entries.push(...old);
      fromCold += old.length;
    };
    for (const entry of hot) {
      await fill(entry.seq - 1);
      if (entries.length < range.count) entries.push(entry);
      next = entry.seq + 1;
    }
    await fill(range.to);
    return { entries, cold: fromCold };
  }

  async function readDown(range: TieredRange): Promise<TieredEntries> {
    const hot = await readHot(range);
    const entries: LogEntry[] = [];
    let fromCold = 0;
    let next = range.to;
    const fill = async (from: number) => {
      const missing = range.count - entries.length;
      if (next < from || missing <= 0) return;
      const old = await cold.read({ ...range, from, to: next, count: missing });
      entries.push(...old);
      fromCold += old.length;
    };
    try {
      for (const entry of hot) {
        await fill(entry.seq + 1);
        if (entries.length < range.count) entries.push(entry);
        next = entry.seq - 1;
      }
      await fill(range.from);
      return { entries, cold: fromCold, isWhole: true };
    } catch (error) {
      // What Redis has up to here is an answer, only a shorter one.
      if (entries.length === 0) throw error;
      return { entries, cold: fromCold, isWhole: false };
    }
  }

  return {
    hotInfo: async channel => toReachable(await readInfo(channel)),
    greetingInfo: async channel => toReachable(await readGreeting(channel)),
    async wholeInfo(hot) {
      const first = firstOf(hot.epochs);
      // Redis holds everything: PostgreSQL, which may be away, has nothing to add.
      if (hot.oldest <= first) return hot;
      const oldest = await cold.oldest(hot);
      return { ...hot, oldest: Math.max(Math.min(hot.oldest, oldest ?? hot.oldest), first) };
    },
    read: asked => {
      const range = { ...asked, from: Math.max(asked.from, firstOf(asked.epochs)) };
      if (range.from > range.to) return Promise.resolve({ entries: [], cold: 0, isWhole: true });
      return range.newestFirst ? readDown(range) : readUp(range);
    },
    forget: channel => void hotOldest.delete(channel),
  };
}

/** What stands before the first epoch had one that was forgotten: it has no position, and is not read. */
function firstOf(epochs: readonly EpochStart[]): number {
  return epochs[0]?.first ?? 1;
}
