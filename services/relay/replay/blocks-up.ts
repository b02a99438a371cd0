import type { EpochStart } from '@3cx-relay/shared/log/epochs.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type Block, createBlock } from '../live/block.ts';
import type { Ring } from '../live/ring.ts';
import type { Replay } from './replay.ts';
import { isSameLog } from './same-log.ts';
import type { TieredLog } from './tiered-log.ts';
import { unbrokenRun } from './unbroken-run.ts';

export interface BlocksDeps {
  readonly log: TieredLog;
  readonly replay: Replay;
  readonly ring: (channel: Channel) => Ring;
}

export interface BlocksRange {
  readonly channel: Channel;
  /** Of the log that the numbers are of: when it is begun again meanwhile, the blocks end. */
  readonly epochs: readonly EpochStart[];
  readonly after: number;
  readonly head: number;
}

/** Blocks as large as a page of the log, for what this process has not read yet itself. */
const PAGE_ENTRIES = 500;

/**
 * Everything from `after` up to `head`, both numbers; block by block, as a reader takes them. `head` may be beyond what
 * the tail of this process has read: who has just written something and asks for it must find it.
 */
export async function* blocksUp(deps: BlocksDeps, range: BlocksRange): AsyncGenerator<Block, void, void> {
  const { channel, head } = range;
  const ring = deps.ring(channel);
  let cursor = range.after;
  while (cursor < head && isSameLog(range, ring.epochs)) {
    const block =
      cursor < ring.head
        ? await deps.replay.blockAfter(channel, ring, cursor)
        : await readAhead(deps, { ...range, cursor });
    if (!block || block.last <= cursor || !isSameLog(range, ring.epochs)) return;
    yield block;
    cursor = block.last;
  }
}

async function readAhead(
  deps: BlocksDeps,
  { channel, cursor, head, epochs: known }: BlocksRange & { cursor: number },
): Promise<Block | null> {
  const { epochs } = await deps.log.hotInfo(channel);
  if (!isSameLog({ epochs: known, head }, epochs)) return null;
  const { entries } = await deps.log.read({ channel, epochs, from: cursor + 1, to: head, count: PAGE_ENTRIES });
  const run = unbrokenRun(entries, cursor);
  const last = run.entries.at(-1)?.seq ?? head;
  return createBlock({ after: cursor, last, entries: run.entries, epochs });
}
