import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createArrivals } from '@3cx-relay/relay/live/arrivals.ts';
import { createHub } from '@3cx-relay/relay/live/hub.ts';
import { createSendBudget } from '@3cx-relay/relay/live/send-budget.ts';
import { createTail, type Tail } from '@3cx-relay/relay/live/tail.ts';
import { createColdLog } from '@3cx-relay/relay/replay/cold-log.ts';
import { createReplay } from '@3cx-relay/relay/replay/replay.ts';
import { createTieredLog } from '@3cx-relay/relay/replay/tiered-log.ts';
import { createReadStream } from '@3cx-relay/relay/streams/read-stream.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { KEEP_ALIVE_MS } from '@3cx-relay/shared/runtime/keep-alive.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { pino } from 'pino';
import { createTestDatabase } from '../../harness/database.ts';
import { createTestRedis } from '../../harness/redis.ts';
import { createStreamApp } from './stream-app.ts';
import { createStreamStore } from './stream-store.ts';

export type StreamServer = { url: string; stop(): Promise<void> };

const mib = 1024 * 1024;
const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' });

/** The read path of the relay on its real log, with a write path that only the suite needs, under `/v1/stream/`. */
export async function startStreamServer(options: { longPollMs: number }): Promise<StreamServer> {
  const database = await createTestDatabase();
  const { url: redisUrl, pbxId } = await createTestRedis();
  const keys = createLogKeys(pbxId);
  const commands = connectRedis(redisUrl, { name: 'shim', logger });
  const blocking = connectRedis(redisUrl, { name: 'shim-tail', logger });
  const store = createPool({ databaseUrl: database.url, max: 2, name: 'shim', logger });
  const { redis } = commands;

  const log = createTieredLog(
    { redis, keys, cold: createColdLog({ pool: store.pool }, { maxReads: 2 }) },
    { maxReads: 8 },
  );
  const replay = createReplay(log, { pageEntries: 500, cacheBytes: mib, onRead: () => undefined });
  const ring: Tail['ring'] = channel => tail.ring(channel);
  const arrivals = createArrivals({ ring, registry: createMetrics('relay') }, 1_000);
  const tail = await createTail(
    { redis, blockingRedis: blocking.redis, keys, logger },
    { ringBytes: 32 * mib, blockMs: 1_000, maxPaceMs: 5 },
    {
      onBlock: channel => arrivals.wake(channel),
      onEntries: () => undefined,
      onReset: () => undefined,
      afterReset: channel => arrivals.reset(channel),
    },
  );
  const hub = createHub({ heartbeatMs: 15_000 });
  const budget = createSendBudget({ clientBytes: mib, totalBytes: 64 * mib });
  const readStream = createReadStream(
    { hub, budget, stallMs: 600_000, onWrite: () => undefined },
    { longPollMs: options.longPollMs, sseMs: 60_000, maxConnections: 1_000 },
  );
  const blocks = { log, replay, ring };
  const streams = createStreamStore({ blocks, arrivals, onGone: () => undefined, redis, keys });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, createStreamApp({ streams, readStream }).callback());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      arrivals.wake();
      hub.stop();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      await tail.stop();
      await Promise.all([commands.stop(), blocking.stop(), store.stop()]);
      await database.drop();
    },
  };
}
