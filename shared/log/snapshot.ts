import type { Redis } from 'ioredis';
import { formatPosition } from '../wire/position.ts';
import { epochOf, parseEpochs } from './epochs.ts';
import type { LogKeys } from './keys.ts';

/** The state projection and the position it belongs to, read in one transaction. */
export interface StateSnapshot {
  /** Null while nothing was ever written. */
  readonly position: string | null;
  readonly seq: number;
  /** Call id → call JSON. */
  readonly calls: Readonly<Record<string, string>>;
  /** `<dn>/<participant id>` → participant JSON. */
  readonly participants: Readonly<Record<string, string>>;
}

export async function readSnapshot(redis: Redis, keys: LogKeys): Promise<StateSnapshot> {
  const replies = await redis
    .multi()
    .hmget(keys.meta('calls'), 'seq', 'epochs')
    .hgetall(keys.calls)
    .hgetall(keys.participants)
    .exec();
  if (!replies) throw new Error('Redis did not execute the snapshot transaction');
  for (const [error] of replies) if (error) throw error;
  const [seqText, epochText] = (replies[0]?.[1] ?? [null, null]) as [string | null, string | null];
  const seq = Number(seqText ?? 0);
  const epoch = epochOf(parseEpochs(epochText), seq);
  return {
    position: epoch ? formatPosition({ epoch, seq }) : null,
    seq,
    calls: replies[1]?.[1] as Record<string, string>,
    participants: replies[2]?.[1] as Record<string, string>,
  };
}
