import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { readLog } from '@3cx-relay/shared/log/read.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import { traceBatch } from '@3cx-relay/shared/runtime/tracing.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { unbrokenRuns } from '../replay/unbroken-run.ts';
import type { Block } from './block.ts';
import { paceMs } from './pace.ts';
import { createRing, type Ring } from './ring.ts';

/**
 * The one reader of this process: follows every channel over one blocked connection, frames each event once, and hands
 * the blocks on. Redis does the same work for one client as for ten thousand.
 */
export interface Tail {
  ring(channel: Channel): Ring;
  /** Ms since the log last answered; grows while Redis is away or frozen. */
  silentForMs(): number;
  /** Ms since an entry of `health` came, of which ingest writes some every five seconds. */
  beatAgeMs(): number;
  stop(): Promise<void>;
}

export interface TailListener {
  onBlock(channel: Channel, block: Block): void;
  /** The same entries, for who wants their bodies. */
  onEntries(channel: Channel, entries: readonly LogEntry[]): void;
  /** The log of this channel was lost and begun again; the ring still is as it was before. */
  onReset(channel: Channel, info: LogInfo): void;
  afterReset(channel: Channel): void;
}

const STOP_MS = 500;

export async function createTail(
  deps: { redis: Redis; blockingRedis: Redis; keys: LogKeys; logger: Logger },
  options: { ringBytes: number; blockMs: number; maxPaceMs: number },
  listener: TailListener,
): Promise<Tail> {
  const rings = new Map<Channel, Ring>();
  for (const channel of CHANNELS) {
    rings.set(channel, createRing(await readLogInfo(deps.redis, deps.keys, channel), options.ringBytes));
  }
  const ring = (channel: Channel): Ring => {
    const found = rings.get(channel);
    if (!found) throw new Error(`no ring for channel ${channel}`);
    return found;
  };

  const stopping = new AbortController();
  let healthyAt = performance.now();
  let beatAt = healthyAt;
  const run = async () => {
    const pages = readLog({
      redis: deps.blockingRedis,
      keys: deps.keys,
      after: new Map(CHANNELS.map(channel => [channel, ring(channel).head])),
      follow: true,
      blockMs: options.blockMs,
      signal: stopping.signal,
      onHealthy: () => {
        healthyAt = performance.now();
      },
      onError: (err, attempt) => {
        const level = attempt > 3 ? 'error' : 'warn';
        deps.logger[level]({ err, attempt }, 'the log cannot be read, trying again');
      },
    });
    for await (const page of pages) {
      if (page.kind === 'reset') {
        deps.logger.error({ channel: page.channel }, 'the log was lost and begun again: clients are told');
        listener.onReset(page.channel, page.info);
        ring(page.channel).reset(page.info);
        listener.afterReset(page.channel);
        continue;
      }
      const startedAt = performance.now();
      if (page.channel === 'health') beatAt = startedAt;
      const span = traceBatch('relay.deliver', page.channel, page.entries);
      for (const run of unbrokenRuns(page.entries)) {
        listener.onBlock(page.channel, ring(page.channel).append(run, page.epochs));
      }
      listener.onEntries(page.channel, page.entries);
      span?.end();
      const restMs = paceMs(page.entries.length, performance.now() - startedAt, options.maxPaceMs);
      if (restMs > 0) await sleep(restMs, stopping.signal);
    }
  };
  const running = run();

  return {
    ring,
    silentForMs: () => performance.now() - healthyAt,
    beatAgeMs: () => performance.now() - beatAt,
    async stop() {
      stopping.abort();
      deps.blockingRedis.disconnect();
      // Of a read that waited for a new connection ioredis 6 tells nothing when that is given up (its pull request 2169).
      await Promise.race([running, sleep(STOP_MS)]);
    },
  };
}
