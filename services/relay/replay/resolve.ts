import { type EpochStart, epochOf } from '@3cx-relay/shared/log/epochs.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { type Resolved, resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type { Ring } from '../live/ring.ts';
import { inOneLog } from './same-log.ts';
import { settledInfo } from './settled-info.ts';
import type { TieredLog } from './tiered-log.ts';

/**
 * Where a reader goes on that asks for what follows `after`: a position, `start` or `now`. Null when it is none of
 * them. What the ring knows costs nothing, Redis is asked next, and PostgreSQL only about what is older.
 *
 * @throws when a tier is away that would know
 */
export function resolveAfter(deps: ResolveDeps, channel: Channel, after: string): Promise<Start | null> {
  return inOneLog(deps.ring, () => resolve(deps, channel, after));
}

/**
 * Where a reader goes on, and what is known of the log that he goes on in. These are two looks: an epoch that begins between
 * them under numbers which he had in another one makes the place another one, too.
 */
export async function resolveIn(
  deps: ResolveDeps,
  channel: Channel,
  after: string,
): Promise<{ readonly start: Start; readonly info: LogInfo } | null> {
  for (;;) {
    const start = await resolveAfter(deps, channel, after);
    if (!start) return null;
    const info = await settledInfo(deps, channel);
    if (!isOvertaken(start, info.epochs)) return { start, info };
  }
}

/** Whether a later epoch has the number at which somebody was to go on. */
export function isOvertaken(
  { cursor, epoch }: Pick<Start, 'cursor' | 'epoch'>,
  epochs: readonly EpochStart[],
): boolean {
  return epoch !== null && epochs.some(begun => begun.epoch > epoch && begun.first <= cursor);
}

/** `epoch`: that of the cursor, which this process may not have read yet; null while nothing was ever written. */
export type Start = Resolved & { readonly epoch: string | null };

interface ResolveDeps {
  readonly log: TieredLog;
  /** Of the same channel. Whoever goes on at what was resolved does so at once, before this can be of another log. */
  readonly ring: Ring;
}

async function resolve({ log, ring }: ResolveDeps, channel: Channel, after: string): Promise<Start | null> {
  if (after === 'now') return startIn(ring, { cursor: ring.head, gap: null });
  const position = after === 'start' ? null : parsePosition(after);
  if (position === null && after !== 'start') return null;
  const isCurrent = position !== null && position.epoch === ring.epochs.at(-1)?.epoch;
  if (isCurrent && position.seq <= ring.head && (position.seq === ring.head || ring.blockAfter(position.seq))) {
    return startIn(ring, { cursor: position.seq, gap: null });
  }
  const hot = await settledInfo({ log, ring }, channel);
  if (position) {
    const resolved = resolvePosition(position, hot);
    // PostgreSQL has something to add only where another answer would follow if nothing had ever been trimmed. That Redis
    // would go on at its head does not say so: after a quiet day it holds nothing, and its oldest entry is the next one.
    if (resolved.cursor === resolvePosition(position, { ...hot, oldest: 1 }).cursor) return startIn(hot, resolved);
  }
  const whole = await log.wholeInfo(hot);
  return startIn(whole, position ? resolvePosition(position, whole) : { cursor: whole.oldest - 1, gap: null });
}

function startIn({ epochs }: Pick<LogInfo, 'epochs'>, resolved: Resolved): Start {
  return { ...resolved, epoch: epochOf(epochs, resolved.cursor) ?? null };
}
