import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type Block, createBlock } from '../live/block.ts';
import type { Ring } from '../live/ring.ts';
import type { Replay } from './replay.ts';
import type { TieredLog } from './tiered-log.ts';
import { unbrokenRun } from './unbroken-run.ts';

export interface BlocksDeps {
  readonly log: TieredLog;
  readonly replay: Replay;
  readonly ring: (channel: Channel) => Ring;
}

/** Blocks as large as a page of the log, for what this process has not read yet itself. */
const PAGE_ENTRIES = 500;

/**
 * Everything from `after` up to `head`, both numbers; block by block, as a reader takes them. `head` may be beyond what
 * the tail of this process has read: who has just written something and asks for it must find it.
 */
export async function* blocksUp(
  deps: BlocksDeps,
  range: { channel: Channel; after: number; head: number },
): AsyncGenerator<Block, void, void> {
  const { channel, head } = range;
  const ring = deps.ring(channel);
  let cursor = range.after;
  while (cursor < head) {
    const block =
      cursor < ring.head
        ? await deps.replay.blockAfter(channel, ring, cursor)
        : await readAhead(deps, { ...range, cursor });
    if (!block || block.last <= cursor) return;
    yield block;
    cursor = block.last;
  }
}

async function readAhead(
  deps: BlocksDeps,
  { channel, cursor, head }: { channel: Channel; cursor: number; head: number },
): Promise<Block | null> {
  const { epochs } = await deps.log.hotInfo(channel);
  const { entries } = await deps.log.read({ channel, epochs, from: cursor + 1, to: head, count: PAGE_ENTRIES });
  const run = unbrokenRun(entries, cursor);
  const isToHead = run.isLast && entries.length < PAGE_ENTRIES;
  const last = isToHead ? head : (run.entries.at(-1)?.seq ?? head);
  return createBlock({ after: cursor, last, entries: run.entries, epochs });
}
