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
    // Within what Redis holds PostgreSQL has nothing to add.
    if (resolved.cursor === position.seq || resolved.cursor >= hot.head) return resolved;
  }
  const whole = await log.wholeInfo(channel, hot);
  return position ? resolvePosition(position, whole) : { cursor: whole.oldest - 1, gap: null };
}
