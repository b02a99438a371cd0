import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { readPage } from '@3cx-relay/shared/log/page.ts';
import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type Block, createBlock } from './block.ts';
import type { Ring } from './ring.ts';

/**
 * Blocks for clients that are behind: from the ring where it reaches, else a page from Redis. Clients that ask for the
 * same page at the same time share one read, and only so many reads run at once.
 */
export interface CatchUp {
  /** The block that continues after `cursor`; `lost` counts what Redis no longer holds of it. Null: nothing there. */
  blockAfter(channel: Channel, ring: Ring, cursor: number): Block | Promise<Page | null>;
}

export interface Page {
  readonly block: Block;
  readonly lost: { readonly count: number; readonly reason: GapReason } | null;
}

export function createCatchUp(
  deps: { redis: Redis; keys: LogKeys },
  options: { pageEntries: number; maxReads: number },
): CatchUp {
  const inFlight = new Map<string, Promise<Page | null>>();
  const acquire = createSemaphore(options.maxReads);

  async function read(channel: Channel, ring: Ring, cursor: number): Promise<Page | null> {
    const release = await acquire();
    try {
      const head = ring.head;
      const entries = await readPage(
        { redis: deps.redis, keys: deps.keys, epochs: ring.epochs },
        { channel, from: cursor + 1, to: head, count: options.pageEntries },
      );
      const first = entries[0];
      if (!first) {
        // All of it was trimmed since the position was resolved.
        const lost = { count: head - cursor, reason: 'retention' as const };
        return head > cursor ? { block: { ...emptyBlock, after: cursor, last: head }, lost } : null;
      }
      const isEpochStart = ring.epochs.some(start => start.first === first.seq);
      const missing = isEpochStart ? 0 : first.seq - cursor - 1;
      return {
        block: createBlock(cursor, entries, ring.epochs),
        lost: missing > 0 ? { count: missing, reason: 'retention' } : null,
      };
    } finally {
      release();
    }
  }

  return {
    blockAfter(channel, ring, cursor) {
      const held = ring.blockAfter(cursor);
      if (held) return held;
      const key = `${channel}:${cursor}`;
      const shared = inFlight.get(key);
      if (shared) return shared;
      const reading = read(channel, ring, cursor).finally(() => inFlight.delete(key));
      inFlight.set(key, reading);
      return reading;
    },
  };
}

const emptyBlock: Block = { after: 0, last: 0, bytes: Buffer.alloc(0), size: 0, select: () => null };

function createSemaphore(limit: number): () => Promise<() => void> {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else taken -= 1;
  };
  return async () => {
    if (taken < limit) taken += 1;
    else await new Promise<void>(resolve => waiting.push(resolve));
    return release;
  };
}
