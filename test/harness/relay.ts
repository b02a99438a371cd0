import { relayConfig } from '@3cx-relay/relay/config.ts';
import { APIKeyManager, type GeneratedKey } from '@3cx-relay/relay/keys/api-key-manager.ts';
import type { KeyOptions } from '@3cx-relay/relay/keys/key-input.ts';
import { createRelay } from '@3cx-relay/relay/relay.ts';
import type { ErrorTracker } from '@3cx-relay/shared/errors/error-tracker.ts';
import { readConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createMetrics } from '@3cx-relay/shared/runtime/metrics.ts';
import { within } from '@3cx-relay/shared/runtime/within.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { pino } from 'pino';
import { cheapHash } from './cheap-hash.ts';
import { createTestDatabase } from './database.ts';
import { createTestRedis } from './redis.ts';
import { asService } from './service-role.ts';

export const adminSecret = 'for tests only: 0123456789abcdef0123456789abcdef';
const logger = pino({ level: process.env.LOG_LEVEL ?? 'silent' });

const STOP_MS = 20_000;

export type TestRelay = {
  url: string;
  apiKey: string;
  /** A key that may read nothing. */
  powerlessKey: string;
  /** Another process than the relay, as far as the relay can tell: makes, rotates and revokes keys in its database. */
  keys: APIKeyManager;
  createKey(options?: KeyOptions & { permissions?: string[] }): Promise<GeneratedKey>;
  redisUrl: string;
  pbxId: string;
  databaseUrl: string;
  tracker: ErrorTracker;
  metric(name: string): Promise<number>;
  hasMetric(name: string): boolean;
  stop(): Promise<void>;
};

/**
 * The real relay in this process, on a free port, with a database and a log of its own; with the `DATABASE_URL`,
 * `REDIS_URL` and `PBX_ID` of another one, a second instance beside it.
 */
export async function startTestRelay(
  settings: Record<string, string> = {},
  options: {
    /** Hashes passwords and keys as in production, a third of a second each. */
    hasRealBcryptCost?: boolean;
  } = {},
): Promise<TestRelay> {
  const { DATABASE_URL: shared } = settings;
  const database = shared === undefined ? await createTestDatabase() : { url: shared, drop: async () => undefined };
  const redis = await createTestRedis();
  const store = createPool({ databaseUrl: database.url, max: 2, name: 'test-keys', logger });
  const keys = new APIKeyManager({ pool: store.pool, adminSecret, passwordHash: cheapHash, logger });
  const { apiKey } = await keys.generateKey('test', ['read', 'history', 'write', 'monitor'], 'test');
  const powerless = await keys.generateKey('powerless', ['history'], 'test');

  const redisUrl = settings.REDIS_URL ?? redis.url;
  const config = readConfig(relayConfig, {
    REDIS_URL: redisUrl,
    ADMIN_SECRET: adminSecret,
    PBX_ID: redis.pbxId,
    PORT: '0',
    RELAY_DRAIN_MS: '0',
    ...settings,
    DATABASE_URL: asService(database.url),
  });
  const registry = createMetrics('relay');
  const relay = await createRelay(config, {
    ...{ logger, registry },
    ...(options.hasRealBcryptCost ? {} : { passwordHash: cheapHash }),
  });
  return {
    url: `http://127.0.0.1:${relay.port}`,
    apiKey,
    powerlessKey: powerless.apiKey,
    keys,
    createKey: ({ permissions = ['read', 'history', 'write', 'monitor'], ...options } = {}) =>
      keys.generateKey('test', permissions, 'test', options),
    redisUrl,
    pbxId: config.PBX_ID,
    databaseUrl: database.url,
    tracker: relay.tracker,
    async metric(name) {
      const metric = await registry.getSingleMetric(name)?.get();
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? Number.NaN;
    },
    hasMetric: name => registry.getSingleMetric(name) !== undefined,
    async stop() {
      // What hangs is to be named, long before the runner gives the whole file up.
      const end = (name: string, work: Promise<unknown> | unknown) =>
        within(STOP_MS, Promise.resolve(work)).catch(cause => {
          throw new Error(`the relay of a test could not stop: ${name}`, { cause });
        });
      for (const phase of relay.stop) await end(phase.name, phase.run());
      await end('keys and pool of the test', Promise.all([keys.stop(), store.stop()]));
      await end('drop of its database', database.drop());
    },
  };
}
