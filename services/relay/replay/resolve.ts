import { type Resolved, resolvePosition } from '@3cx-relay/shared/log/resolve-position.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { parsePosition } from '@3cx-relay/shared/wire/position.ts';
import type { Ring } from '../live/ring.ts';
import { settledInfo } from './settled-info.ts';
import type { TieredLog } from './tiered-log.ts';

/**
 * Where a reader goes on that asks for what follows `after`: a position, `start` or `now`. Null when it is none of
 * them. What the ring knows costs nothing, Redis is asked next, and PostgreSQL only about what is older.
 *
 * @throws when a tier is away that would know
 */
export async function resolveAfter(
  deps: { log: TieredLog; ring: Ring },
  channel: Channel,
  after: string,
): Promise<Resolved | null> {
  const { log, ring } = deps;
  if (after === 'now') return { cursor: ring.head, gap: null };
  const position = after === 'start' ? null : parsePosition(after);
  if (position === null && after !== 'start') return null;
  const isCurrent = position !== null && position.epoch === ring.epochs.at(-1)?.epoch;
  if (isCurrent && position.seq <= ring.head && (position.seq === ring.head || ring.blockAfter(position.seq))) {
    return { cursor: position.seq, gap: null };
  }
  const hot = await settledInfo(deps, channel);
  if (position) {
    const resolved = resolvePosition(position, hot);
    // PostgreSQL has something to add only where another answer would follow if nothing had ever been trimmed. That Redis
    // would go on at its head does not say so: after a quiet day it holds nothing, and its oldest entry is the next one.
    if (resolved.cursor === resolvePosition(position, { ...hot, oldest: 1 }).cursor) return resolved;
  }
  const whole = await log.wholeInfo(hot);
  return position ? resolvePosition(position, whole) : { cursor: whole.oldest - 1, gap: null };
}
