import { epochOf } from '@3cx-relay/shared/log/epochs.ts';
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
