import { relayConfig } from '@3cx-relay/relay/config.ts';
import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import { trimLog } from '@3cx-relay/shared/log/trim.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { connectRedis } from '@3cx-relay/shared/runtime/redis.ts';
import { readPositions } from '@3cx-relay/shared/store/log-positions.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { drainChannel } from '../../../services/worker/persist/persist.ts';
import { createPersistMetrics } from '../../../services/worker/persist/persist-metrics.ts';
import { sameDays } from '../../../services/worker/retention/history-days.ts';
import { createMonths } from '../../../services/worker/retention/months.ts';
import { cheapHash } from '../../harness/cheap-hash.ts';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { createTestRedis } from '../../harness/redis.ts';
import { adminSecret } from '../../harness/relay.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createTruth, type Publication, type Truth } from './truth.ts';

/**
 * One log with everything around it that moves it: a writer, the worker's own code that copies and trims, two relays
 * over the same stores, and what may go wrong with a Redis. Rings, pages and writes are as small as they may be, so
 * that a few hundred entries cross every seam.
 */
export type LogWorld = {
  readonly apiKey: string;
  readonly truth: Truth;
  /** The relay with this number; even ones compress. */
  relayUrl(index: number): string;
  publish(publications: readonly Publication[]): Promise<void>;
  /** Entries of another channel, so that the readers of Redis are never idle. */
  publishElsewhere(): Promise<void>;
  persist(): Promise<void>;
  /** Removes from Redis what is persisted, but for the newest `keep`. */
  trim(keep: number): Promise<void>;
  /** Removes the oldest of what PostgreSQL has. */
  dropHistory(percent: number): Promise<void>;
  restart(index: number): Promise<void>;
  /** The stream is deleted; what is known about it stays. */
  loseLog(): Promise<void>;
  /** A failover that lost the newest entries, with a writer that lives and knows better, or one that remembers nothing. */
  rollBack(entries: number, writer: 'lives' | 'amnesia'): Promise<void>;
  /** What is known about the log is deleted; the stream stays. */
  forgetMeta(): Promise<void>;
  /** Redis comes back empty, with the writer that knew it or, on `amnesia`, with one that remembers nothing. */
  flush(writer: 'lives' | 'amnesia'): Promise<void>;
  stop(): Promise<void>;
};

export const RELAYS = 2;
export const RING_BYTES = 1024 ** 2;
const logger = createLogger({ name: 'model', level: 'silent' });

/** A new database costs more processor time than a story: whoever comes next gets that of a world that has stopped. */
const unused: TestDatabase[] = [];
/** All that a world writes there. */
const EMPTY = `
  TRUNCATE events, log_epochs, log_gaps, api_keys CASCADE;
  UPDATE log_positions SET epoch = NULL, seq = 0 WHERE epoch IS NOT NULL`;

export async function createLogWorld(): Promise<LogWorld> {
  const [database, server] = await Promise.all([unused.pop() ?? createTestDatabase(), createTestRedis()]);
  const connection = connectRedis(server.url, { name: 'model', logger });
  const { redis } = connection;
  await waitFor(() => redis.ping(), { what: 'Redis to answer' });
  const store = createPool({ databaseUrl: database.url, name: 'model', max: 4, logger });
  const { pool } = store;
  await pool.query(EMPTY);
  const keys = createLogKeys(server.pbxId);
  // The relays of this world are a user of their own, whose connections can break.
  await redis.call('ACL', 'SETUSER', server.pbxId, 'on', `>${server.pbxId}`, '~*', '&*', '+@all');
  const relayRedisUrl = Object.assign(new URL(server.url), { username: server.pbxId, password: server.pbxId }).href;
  const target = { redis, keys, channel: 'calls' as const };
  const truth = createTruth({ ...target, pool });
  const manager = new APIKeyManager({ pool, adminSecret, passwordHash: cheapHash, logger });
  const { apiKey } = await manager.generateKey('model', ['read', 'history', 'monitor'], 'test');
  await manager.stop();
  const persistDeps = {
    ...{ redis, keys, pool, logger },
    months: createMonths({ pool, logger }, sameDays(400)),
    metrics: createPersistMetrics(createMetrics('model')),
  };

  const relays: Awaited<ReturnType<typeof createRelay>>[] = [];
  const startRelay = async (index: number): Promise<void> => {
    const config = readConfig(relayConfig, {
      REDIS_URL: relayRedisUrl,
      DATABASE_URL: database.url,
      ADMIN_SECRET: adminSecret,
      PBX_ID: server.pbxId,
      PORT: '0',
      ADMIN_ENABLED: 'false',
      RELAY_DRAIN_MS: '0',
      RELAY_HEARTBEAT_MS: '200',
      RELAY_BLOCK_MS: '100',
      RELAY_RING_BYTES: String(RING_BYTES),
      RELAY_CLIENT_BYTES: String(16 * 1024),
      RELAY_PAGE_ENTRIES: '10',
      RELAY_PAGE_CACHE_BYTES: '300000',
      RELAY_COMPRESSION: String(index % 2 === 0),
    });
    relays[index] = await createRelay(config, { logger, registry: createMetrics('relay') });
  };
  const stopRelay = async (index: number): Promise<void> => {
    for (const phase of relays[index]?.stop ?? []) await phase.run();
  };
  for (let index = 0; index < RELAYS; index += 1) await startRelay(index);

  return {
    apiKey,
    truth,
    relayUrl: index => `http://127.0.0.1:${relays[index % RELAYS]?.port}`,
    publish: publications => truth.publish(publications),
    publishElsewhere: () => truth.publishElsewhere(),
    async persist() {
      // A run that found epochs forgotten tells them to Redis, and the next one copies.
      for (let run = 0; run < 2; run += 1) await drainChannel(persistDeps, 'calls', AbortSignal.timeout(20_000));
    },
    async trim(keep) {
      const persisted = (await readPositions(pool)).get('calls');
      if (!persisted) return;
      await trimLog(target, { persisted, tooOldBefore: 0, keepNewest: keep }, AbortSignal.timeout(20_000));
    },
    dropHistory: percent => truth.dropHistory(percent),
    async restart(index) {
      await stopRelay(index);
      await startRelay(index);
    },
    loseLog: () => truth.loseLog(),
    async rollBack(entries, writer) {
      await truth.rollBack(entries, writer);
      // Another server took over: nobody's connection outlives that.
      await redis.call('CLIENT', 'KILL', 'USER', server.pbxId);
    },
    forgetMeta: () => truth.forgetMeta(),
    flush: writer => truth.flush(writer),
    async stop() {
      for (let index = 0; index < RELAYS; index += 1) await stopRelay(index);
      await redis.del(...(await redis.keys(`*${server.pbxId}*`)));
      await redis.call('ACL', 'DELUSER', server.pbxId);
      await store.stop();
      await connection.stop();
      unused.push(database);
    },
  };
}
