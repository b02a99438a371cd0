/**
 * How long a fault is played: `CHAOS=full` as the goals say, an hour for all of them; otherwise in seconds, as a part of
 * `npm test`.
 */
export const isFull = process.env.CHAOS === 'full';

export function extent<Value>(of: { quick: Value; full: Value }): Value {
  return isFull ? of.full : of.quick;
}

/** For the time limit of a test, ms: what it plays, and what may be needed to start, to heal and to compare. */
export function limitOf(playedSeconds: number): number {
  return playedSeconds * 2_000 + 180_000;
}
