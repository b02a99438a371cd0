import type { Redis } from 'ioredis';
import { formatPosition } from '../wire/position.ts';
import { epochOf, parseEpochs } from './epochs.ts';
import type { LogKeys } from './keys.ts';
import type { MetaReply } from './log-info.ts';
import { oneLook } from './one-look.ts';

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
  const [meta, calls, participants] = await oneLook(
    redis.multi().hmget(keys.meta('calls'), 'seq', 'epochs').hgetall(keys.calls).hgetall(keys.participants),
  );
  const [seqText, epochText] = meta as MetaReply;
  const seq = Number(seqText ?? 0);
  const epoch = epochOf(parseEpochs(epochText), seq);
  return {
    position: epoch ? formatPosition({ epoch, seq }) : null,
    seq,
    calls: calls as Record<string, string>,
    participants: participants as Record<string, string>,
  };
}
