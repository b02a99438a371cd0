import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { commonConfig, databaseConfig } from '@3cx-relay/shared/runtime/config.ts';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { connectRedis, type RedisConnection } from '@3cx-relay/shared/runtime/redis.ts';
import { createPool, type PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { requireSettings, type Settings } from './settings.ts';

/** A command says by itself what it met; what connections have to say would stand in its output. */
export const silent = createLogger({ name: 'command line', level: 'silent' });

export const storeConfig = { ...databaseConfig, PBX_ID: commonConfig.PBX_ID };
export const redisConfig = { REDIS_URL: commonConfig.REDIS_URL, PBX_ID: commonConfig.PBX_ID };

const CONNECTIONS = 2;

export function openPostgres(settings: Settings, options: { statementTimeoutMs?: number } = {}): PostgresPool {
  const { DATABASE_URL: databaseUrl } = requireSettings(settings, storeConfig);
  return createPool({ databaseUrl, name: 'relay command line', max: CONNECTIONS, logger: silent, ...options });
}

export function openRedis(settings: Settings): RedisConnection & { keys: LogKeys } {
  const { REDIS_URL, PBX_ID } = requireSettings(settings, redisConfig);
  return { ...connectRedis(REDIS_URL, { name: 'relay command line', logger: silent }), keys: createLogKeys(PBX_ID) };
}
