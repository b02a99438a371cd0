import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { type Block, createBlock } from './block.ts';

/**
 * The newest entries of one channel, framed, bounded in bytes: what most reconnecting clients missed is here, so that a
 * storm of them does not reach Redis. The ring has no hole: it holds everything behind `after` up to `head`.
 */
export interface Ring {
  /** Highest number this process has read; subscriptions whose cursor stands here are live. */
  readonly head: number;
  /** The number before the oldest that it holds. */
  readonly after: number;
  readonly epochs: readonly EpochStart[];
  /** How often the log was begun again: numbers from before mean nothing behind it. */
  readonly generation: number;
  readonly bytes: number;
  /**
   * Takes the entries that follow `head`; of `epochs` those may be missing that `learn` brought. Where numbers are missing in
   * front of them, which Redis had trimmed before this process came to read them, or which a failover lost, the ring begins
   * anew: whoever stands before them reads the stores.
   */
  append(entries: readonly LogEntry[], epochs: readonly EpochStart[]): Block;
  /** The block that continues after `cursor`, or null when the ring no longer (or not yet) holds it. */
  blockAfter(cursor: number): Block | null;
  /** Epochs before those that it knows, which the log had forgotten and was told again. */
  learn(epochs: readonly EpochStart[]): void;
  /** The log was lost and begun again. */
  reset(info: LogInfo): void;
}

const COMPACT_AFTER = 1_024;

export function createRing(info: LogInfo, maxBytes: number): Ring {
  let blocks: Block[] = [];
  /** Index of the oldest block; those before it are gone and cut off now and then, not at every append. */
  let start = 0;
  let bytes = 0;
  let head = info.head;
  let epochs = info.epochs;
  let generation = 0;

  function clear(): void {
    blocks = [];
    start = 0;
    bytes = 0;
  }

  return {
    get head() {
      return head;
    },
    get after() {
      return blocks[start]?.after ?? head;
    },
    get epochs() {
      return epochs;
    },
    get generation() {
      return generation;
    },
    get bytes() {
      return bytes;
    },
    append(entries, currentEpochs) {
      epochs = withOlder(currentEpochs, epochs);
      blocks.at(-1)?.release();
      const after = (entries[0]?.seq ?? head + 1) - 1;
      if (after > head) clear();
      const block = createBlock({ after, last: entries.at(-1)?.seq ?? after, entries, epochs });
      blocks.push(block);
      bytes += block.bytes;
      head = block.last;
      while (bytes > maxBytes && start < blocks.length - 1) {
        bytes -= blocks[start]?.bytes ?? 0;
        start += 1;
      }
      if (start > COMPACT_AFTER && start > blocks.length / 2) {
        blocks = blocks.slice(start);
        start = 0;
      }
      return block;
    },
    blockAfter(cursor) {
      const oldest = blocks[start];
      if (!oldest || cursor < oldest.after || cursor >= head) return null;
      let low = start;
      let high = blocks.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((blocks[middle]?.last ?? 0) <= cursor) low = middle + 1;
        else high = middle;
      }
      return blocks[low] ?? null;
    },
    learn(known) {
      epochs = withOlder(epochs, known);
    },
    reset(fresh) {
      clear();
      head = fresh.oldest - 1;
      epochs = fresh.epochs;
      generation += 1;
    },
  };
}

/** Of `known` what comes before the first of `epochs`, and these. */
function withOlder(epochs: readonly EpochStart[], known: readonly EpochStart[]): readonly EpochStart[] {
  const begin = known.findIndex(({ epoch }) => epoch === epochs[0]?.epoch);
  return begin > 0 ? [...known.slice(0, begin), ...epochs] : epochs;
}
