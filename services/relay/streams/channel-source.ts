import { createHash } from 'node:crypto';
import { type EpochStart, epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { GapReason } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { formatPosition, parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type { Arrivals } from '../live/arrivals.ts';
import type { Filter } from '../live/filter.ts';
import { type BlocksDeps, blocksUp } from '../replay/blocks-up.ts';
import { lostBehind } from '../replay/lost-behind.ts';
import { isOvertaken, resolveAfter, type Start } from '../replay/resolve.ts';
import { inOneLog } from '../replay/same-log.ts';
import { settledInfo } from '../replay/settled-info.ts';
import { jsonFormat } from './stream-format.ts';
import type { ReadBounds, StreamGone, StreamRead, StreamSource } from './stream-source.ts';

export interface ChannelSourceDeps {
  readonly blocks: BlocksDeps;
  readonly arrivals: Pick<Arrivals, 'waitBeyond'>;
  readonly onGone: (reason: GapReason) => void;
}

/** Entries that one read looks at, at most: a narrow filter over a long log gives short chunks, not long waits. */
const MAX_SCANNED = 10_000;

/** The tail of a channel that was never written: sorts before every position, as no epoch is as old. */
const BEFORE_EVERYTHING = formatPosition({ epoch: '00000000', seq: 0 });

/**
 * A channel as a durable stream: its offsets are positions, its messages those of `GET /relay/events`.
 *
 * A gap of the log is a message like others. What is missing without an entry that says so cannot be told within a
 * stream, whose readers rely on getting every byte: it is `gone`, the reader decides, and goes on where that says.
 */
export function createChannelSource(
  deps: ChannelSourceDeps,
  of: { channel: Channel; filter: Filter | null },
): StreamSource {
  const { channel, filter } = of;
  const { log } = deps.blocks;
  const ring = deps.blocks.ring(channel);

  async function read(offset: string, bounds: ReadBounds): Promise<StreamRead> {
    const start = await startOf(offset);
    if (!start) return { kind: 'invalid' };
    const needsLog = bounds.isFresh || start.cursor > ring.head;
    const { head, epochs: known } = needsLog ? await settledInfo({ log, ring }, channel) : ring;
    if (isOvertaken(start, known)) return read(offset, bounds);
    const found = start.gap ? null : await gather(start.cursor, { head, epochs: known, maxBytes: bounds.maxBytes });
    const epochs = found && found.cursor > head ? ring.epochs : known;
    if (start.gap) return gone({ ...start.gap, resume: start.cursor, epochs });
    if (!found) return { kind: 'invalid' };
    if (found.lost > 0 && found.parts.length === 0 && found.cursor === start.cursor) {
      return gone({ reason: 'retention', lost: found.lost, resume: found.cursor + found.lost, epochs });
    }
    const { parts, count, cursor } = found;
    return { kind: 'chunk', parts, count, next: offsetAt(epochs, cursor), isUpToDate: cursor >= head };
  }

  async function startOf(offset: string): Promise<Start | null> {
    if (offset === '-1') return resolveAfter({ log, ring }, channel, 'start');
    if (offset === 'now') {
      const { head, epochs } = await settledInfo({ log, ring }, channel);
      return { cursor: head, gap: null, epoch: epochOf(epochs, head) ?? null };
    }
    if (parsePosition(offset) === null) return null;
    if (offset !== BEFORE_EVERYTHING) return resolveAfter({ log, ring }, channel, offset);
    // Its holder has seen nothing, so that nothing is missing as long as the log begins at its first number.
    const { oldest } = await log.wholeInfo(await settledInfo({ log, ring }, channel));
    return { cursor: oldest - 1, gap: oldest > 1 ? { reason: 'retention', lost: oldest - 1 } : null, epoch: null };
  }

  /** From `cursor` up to what is missing, to `head`, or as far as the bounds go. `lost`: how many are missing there. */
  async function gather(from: number, to: { head: number; epochs: readonly EpochStart[]; maxBytes: number }) {
    const { head, epochs, maxBytes } = to;
    const parts: Buffer[] = [];
    let count = 0;
    let cursor = from;
    let bytes = 0;
    for await (const block of blocksUp(deps.blocks, { channel, epochs, after: cursor, head })) {
      const lost = lostBehind(block, cursor, [...epochs, ...ring.epochs]);
      if (lost > 0) return { parts, count, cursor, lost };
      const selection = block.select(cursor, { filter, encoding: 'json', maxBytes: maxBytes - bytes });
      if (selection.bytes) {
        parts.push(selection.bytes);
        bytes += selection.bytes.length;
        count += selection.count;
      }
      cursor = Math.max(cursor, selection.last);
      if (cursor < block.last || bytes >= maxBytes || cursor - from >= MAX_SCANNED) break;
    }
    return { parts, count, cursor, lost: 0 };
  }

  async function gone(hole: {
    reason: GapReason;
    lost: number | null;
    resume: number;
    epochs: readonly EpochStart[];
  }): Promise<StreamGone> {
    const { reason, lost, resume, epochs } = hole;
    const hot = await log.hotInfo(channel);
    const { oldest } = await log.wholeInfo(hot).catch(() => hot);
    deps.onGone(reason);
    const oldestOffset = offsetAt(hot.epochs, oldest - 1);
    return { kind: 'gone', reason, lost, oldestOffset, resumeOffset: offsetAt(epochs, resume) };
  }

  return {
    id: filter ? `${channel}.${createHash('sha256').update(filter.key).digest('base64url').slice(0, 12)}` : channel,
    format: jsonFormat,
    read: (offset, bounds) => inOneLog(ring, () => read(offset, bounds)),
    async tail() {
      const { epochs, head } = await log.hotInfo(channel);
      return offsetAt(epochs, head);
    },
    waitBeyond: (offset, wait) => deps.arrivals.waitBeyond(channel, parsePosition(offset)?.seq ?? 0, wait),
  };
}

function offsetAt(epochs: readonly EpochStart[], seq: number): string {
  const epoch = epochOf(epochs, seq);
  return epoch ? formatPosition({ epoch, seq: Math.max(0, seq) }) : BEFORE_EVERYTHING;
}
