import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type Block, createBlock } from '../live/block.ts';
import type { Ring } from '../live/ring.ts';
import { LogBegunAgain, type TieredEntries, type TieredLog, type TieredRange } from './tiered-log.ts';
import { unbrokenRun } from './unbroken-run.ts';

/**
 * Blocks for clients that are behind: from the ring where it reaches, else a page of Redis or PostgreSQL.
 *
 * Pages begin at fixed numbers, so that clients which ask for different places share them: those who ask at the same
 * time share one read, and a full page is kept for those who come a little later. 500 clients that come back after the
 * same outage cost the stores what one of them costs. The pages behind one that is taken are read while that is written
 * to sockets, so that a reader waits for the slowest of store, relay and socket and not for their sum.
 */
export interface Replay {
  /**
   * The block that goes on after `cursor`; it may begin before it. Null: nothing there. A number that the block covers
   * and does not have is in neither store.
   */
  blockAfter(channel: Channel, ring: Ring, cursor: number): Block | Promise<Block | null>;
  forget(channel: Channel): void;
}

export type Tier = 'ring' | 'redis' | 'postgres';

export interface ReplayOptions {
  readonly pageEntries: number;
  /** Bytes of pages that are kept for others; at most half of them hold what nobody has asked for yet. */
  readonly cacheBytes: number;
  /** Entries that were read from a store. */
  readonly onRead: (tier: Exclude<Tier, 'ring'>, entries: number) => void;
}

/** One that is being read by the store while the one before it is framed here. */
const PAGES_AHEAD = 2;
/** The tail finds a log that was begun again within two seconds, unless Redis goes away meanwhile. */
const RESET_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 25;

export function createReplay(log: TieredLog, options: ReplayOptions): Replay {
  const { pageEntries } = options;
  const inFlight = new Map<string, Promise<Block | null>>();
  const kept = new Map<string, Block>();
  /** Kept or being read, and not taken by anybody yet. */
  const ahead = new Set<string>();
  let keptBytes = 0;
  let generation = 0;

  async function read(channel: Channel, ring: Ring, cursor: number): Promise<Block | null> {
    const first = firstOfPage(cursor, pageEntries);
    const readGeneration = generation;
    const { head, epochs } = ring;
    if (head <= cursor) return null;
    const end = first + pageEntries - 1;
    const to = Math.min(end, head);
    const range = { channel, epochs, from: first, to, count: pageEntries, neededFrom: cursor + 1 };
    const page = await readSameLog(range, readGeneration);
    if (page === null) return null;
    count(page.entries.length, page.cold);
    const firstFound = page.entries.find(entry => entry.seq > cursor);
    if (!firstFound) {
      // What no store has any more may still be in the ring, behind a hole.
      const upTo = ring.after > cursor ? Math.min(ring.after, head) : head;
      return readBeyondHole({ channel, epochs, cursor, from: to + 1, to: upTo }, readGeneration);
    }
    const run = unbrokenRun(page.entries, cursor);
    const begin = page.isWhole ? first - 1 : (page.entries[0]?.seq ?? first) - 1;
    // A hole behind the last entry is for the next block to tell.
    const last = run.entries.at(-1)?.seq ?? to;
    const block = createBlock({ after: run.holeFrom ?? begin, last, entries: run.entries, epochs });
    const isPage = run.holeFrom === null && last === end;
    if (isPage && readGeneration === generation) keep(keyOf(channel, epochs, cursor), block);
    return block;
  }

  /** Null when the log was begun again: not before the readers of the one that is gone were told. */
  async function readSameLog(range: TieredRange, readGeneration: number): Promise<TieredEntries | null> {
    try {
      return await log.read(range);
    } catch (error) {
      if (!(error instanceof LogBegunAgain)) throw error;
    }
    const deadline = performance.now() + RESET_WITHIN_MS;
    while (readGeneration === generation && performance.now() < deadline) await sleep(LOOK_EVERY_MS);
    return null;
  }

  /** Nothing is left of this page: the next entry there is, wherever it stands, says what the hole is. */
  async function readBeyondHole(
    hole: { channel: Channel; epochs: Ring['epochs']; cursor: number; from: number; to: number },
    readGeneration: number,
  ): Promise<Block | null> {
    const { cursor, epochs, to } = hole;
    const page = await readSameLog({ ...hole, count: 1 }, readGeneration);
    if (page === null) return null;
    const { entries, cold } = page;
    count(entries.length, cold);
    return createBlock({ after: cursor, last: entries[0]?.seq ?? to, entries, epochs });
  }

  function keep(key: string, block: Block): void {
    keptBytes += block.bytes - (kept.get(key)?.bytes ?? 0);
    kept.delete(key);
    kept.set(key, block);
    for (const [oldest, { bytes }] of kept) {
      if (keptBytes <= options.cacheBytes) break;
      kept.delete(oldest);
      ahead.delete(oldest);
      keptBytes -= bytes;
    }
  }

  /** What was read while fewer epochs were known has holes where their entries are. */
  function keyOf(channel: Channel, epochs: Ring['epochs'], cursor: number): string {
    return `${channel}:${epochs.length}:${epochs.at(-1)?.epoch}:${firstOfPage(cursor, pageEntries)}`;
  }

  function count(entries: number, cold: number): void {
    if (cold > 0) options.onRead('postgres', cold);
    if (entries > cold) options.onRead('redis', entries - cold);
  }

  function blockAfter(channel: Channel, ring: Ring, cursor: number): Block | Promise<Block | null> {
    const held = ring.blockAfter(cursor);
    if (held) return held;
    const key = keyOf(channel, ring.epochs, cursor);
    ahead.delete(key);
    const known = kept.get(key);
    if (known && known.after <= cursor) {
      // Used again: it leaves later.
      kept.delete(key);
      kept.set(key, known);
      readAhead(channel, ring, known);
      return known;
    }
    const shared = inFlight.get(key);
    return (shared ?? begin(key, { channel, ring, cursor })).then(block => {
      // What another reader of the page did not need may have been left out, or he stood behind a hole.
      const isMine = block !== null && block.after <= cursor && block.last > cursor;
      if (shared && !isMine) return blockAfter(channel, ring, cursor);
      if (block && kept.get(key) === block) readAhead(channel, ring, block);
      return block;
    });
  }

  function begin(key: string, from: { channel: Channel; ring: Ring; cursor: number }): Promise<Block | null> {
    const reading = read(from.channel, from.ring, from.cursor).finally(() => inFlight.delete(key));
    inFlight.set(key, reading);
    return reading;
  }

  function readAhead(channel: Channel, ring: Ring, { last, bytes }: Block): void {
    for (let page = 0; page < PAGES_AHEAD; page += 1) {
      beginAhead({ channel, ring, cursor: last + page * pageEntries }, bytes);
    }
  }

  /** Only what is kept when it has come: anything else would be read for nobody. */
  function beginAhead(from: { channel: Channel; ring: Ring; cursor: number }, bytes: number): void {
    const { channel, ring, cursor } = from;
    const key = keyOf(channel, ring.epochs, cursor);
    if (cursor >= ring.after || kept.has(key) || inFlight.has(key)) return;
    if ((ahead.size + 1) * bytes > options.cacheBytes / 2) return;
    ahead.add(key);
    begin(key, from).then(
      () => kept.has(key) || ahead.delete(key),
      // Who comes to take it reads it himself, and hears of the failure.
      () => ahead.delete(key),
    );
  }

  return {
    blockAfter,
    forget(channel) {
      generation += 1;
      for (const [key, block] of kept) {
        if (!key.startsWith(`${channel}:`)) continue;
        kept.delete(key);
        ahead.delete(key);
        keptBytes -= block.bytes;
      }
      log.forget(channel);
    },
  };
}

function firstOfPage(cursor: number, pageEntries: number): number {
  return Math.floor(cursor / pageEntries) * pageEntries + 1;
}
