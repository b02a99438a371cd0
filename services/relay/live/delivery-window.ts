import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';

/** What went out within the last minute: how much, and how long it took from being written. */
export interface DeliveryWindow {
  /** These entries, by their times (Unix ms), were handed to all clients that are live. */
  delivered(channel: Channel, entries: readonly { readonly at: number }[]): void;
  /** Entries a second of each channel, over the last ten whole seconds. */
  rates(): Record<Channel, number>;
  /** Of the last minute; null while nothing came. Exact below 64 ms, within a tenth above. */
  latency(): { readonly p50Ms: number | null; readonly p99Ms: number | null; readonly samples: number };
}

const SECONDS = 60;
const RATE_SECONDS = 10;
/** Milliseconds with a bucket of their own, then buckets that grow by a tenth, up to some ten minutes. */
const EXACT_MS = 64;
const GROWTH = Math.log(1.1);
const BUCKETS = EXACT_MS + 96;

/**
 * A histogram for each second, overwritten after a minute: nothing is allocated for an entry, and whoever looks adds up
 * sixty of them.
 */
export function createDeliveryWindow(now: () => number = Date.now): DeliveryWindow {
  const seconds = new Float64Array(SECONDS);
  const counts = new Float64Array(SECONDS * CHANNELS.length);
  const buckets = new Float64Array(SECONDS * BUCKETS);

  /** The place of this second, empty when it was last used for another. */
  function placeOf(second: number): number {
    const place = second % SECONDS;
    if (seconds[place] !== second) {
      seconds[place] = second;
      counts.fill(0, place * CHANNELS.length, (place + 1) * CHANNELS.length);
      buckets.fill(0, place * BUCKETS, (place + 1) * BUCKETS);
    }
    return place;
  }

  return {
    delivered(channel, entries) {
      const at = now();
      const place = placeOf(Math.floor(at / 1_000));
      const count = place * CHANNELS.length + CHANNELS.indexOf(channel);
      counts[count] = (counts[count] ?? 0) + entries.length;
      for (const entry of entries) {
        const bucket = place * BUCKETS + bucketOf(at - entry.at);
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
    },
    rates() {
      const current = Math.floor(now() / 1_000);
      const rates = Object.fromEntries(CHANNELS.map(channel => [channel, 0])) as Record<Channel, number>;
      for (let place = 0; place < SECONDS; place += 1) {
        const age = current - (seconds[place] ?? 0);
        if (age < 1 || age > RATE_SECONDS) continue;
        CHANNELS.forEach((channel, index) => {
          rates[channel] += (counts[place * CHANNELS.length + index] ?? 0) / RATE_SECONDS;
        });
      }
      return rates;
    },
    latency() {
      const current = Math.floor(now() / 1_000);
      const sums = new Float64Array(BUCKETS);
      for (let place = 0; place < SECONDS; place += 1) {
        const age = current - (seconds[place] ?? 0);
        if (age < 0 || age >= SECONDS) continue;
        for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
          sums[bucket] = (sums[bucket] ?? 0) + (buckets[place * BUCKETS + bucket] ?? 0);
        }
      }
      const samples = sums.reduce((sum, each) => sum + each, 0);
      return { p50Ms: quantile(sums, samples * 0.5), p99Ms: quantile(sums, samples * 0.99), samples };
    },
  };
}

/** A clock that differs from the writer's may say that an entry is of the future. */
function bucketOf(ms: number): number {
  if (!(ms >= 0)) return 0;
  if (ms < EXACT_MS) return Math.floor(ms);
  return Math.min(BUCKETS - 1, EXACT_MS + Math.floor(Math.log(ms / EXACT_MS) / GROWTH));
}

/** The upper end of the bucket in which so many of them are reached. */
function quantile(sums: Float64Array, rank: number): number | null {
  let seen = 0;
  for (const [bucket, count] of sums.entries()) {
    seen += count;
    if (count === 0 || seen < rank) continue;
    return bucket < EXACT_MS ? bucket : Math.round(EXACT_MS * Math.exp((bucket - EXACT_MS + 1) * GROWTH));
  }
  return null;
}
