export type Random = {
  /** Uniform in [0, 1). */
  unit(): number;
  /** Uniform integer in [0, limit). */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Time to the next event of a Poisson process with this mean distance. */
  exponential(mean: number): number;
  /** Skewed to the right as ring and talk times are; half of the values lie below the median. */
  logNormal(median: number, sigma: number): number;
};

/**
 * A seeded generator (mulberry32): the same seed plays the same day again. Each part of the PBX forks its own stream
 * with a name, so that one more draw in the traffic does not change what a burst does.
 */
export function createRandom(seed: number, stream = ''): Random {
  let state = mix(seed, stream);

  const unit = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
  const below = (limit: number): number => Math.floor(unit() * limit);

  return {
    unit,
    below,
    chance: probability => unit() < probability,
    pick(list) {
      const item = list[below(list.length)];
      if (item === undefined) throw new Error('The simulator was asked to choose from an empty list.');
      return item;
    },
    exponential: mean => -mean * Math.log(1 - unit()),
    logNormal: (median, sigma) => median * Math.exp(sigma * gaussian()),
  };
}

function mix(seed: number, stream: string): number {
  let hash = seed | 0;
  for (const character of stream) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash;
}
