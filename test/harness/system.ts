import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { createLogKeys, type LogKeys } from '@3cx-relay/shared/log/keys.ts';
import { openRedisClient } from '@3cx-relay/shared/runtime/redis-client.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import type { Redis } from 'ioredis';
import pg from 'pg';
import { pino } from 'pino';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { databaseNames } from '../simulator/database/database-names.ts';
import { iniPath } from '../simulator/database/ini-file.ts';
import type { LayoutName } from '../simulator/database/layout.ts';
import { dropPbxDatabase } from '../simulator/database/provision.ts';
import { cheapHash } from './cheap-hash.ts';
import { createTestDatabase } from './database.ts';
import { databaseUrl } from './infra-access.ts';
import { type ServiceName, type ServiceProcess, startService } from './processes.ts';
import { type RedisEngine, type RedisEngineName, redisEngineName, startRedisEngine } from './redis-engine.ts';
import { adminSecret } from './relay.ts';
import { asService } from './service-role.ts';
import { waitFor } from './wait-for.ts';

/**
 * The whole product as separate processes: simulator, ingest, relay and worker, with a Redis of their own that syncs
 * every write, as in production, and a database of their own. The simulated PBX has another one.
 */
export type System = {
  relayUrl: string;
  databaseUrl: string;
  redisUrl: string;
  simulatorUrl: string;
  apiKey: string;
  redis: Redis;
  keys: LogKeys;
  postgres: pg.Pool;
  service(name: ServiceName): ServiceProcess;
  /** SIGKILL, then start again with the same settings; resolves when it is ready. */
  crash(name: ServiceName): Promise<void>;
  /** Again with the same settings, after it was killed; resolves when it is ready. */
  restart(name: ServiceName): Promise<void>;
  /** A second one beside it, which `stop()` ends too. */
  startAnother(name: 'relay' | 'worker'): Promise<AnotherService>;
  /** SIGKILL for the Redis that takes the writes; what it returns starts it again on the same port and folder. */
  killRedis(): Promise<() => Promise<void>>;
  readonly redisEngine: RedisEngine;
  /** Control API of the simulator. */
  sim<Answer = unknown>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer>;
  stop(): Promise<void>;
};

/** `url` is where clients of a relay connect. */
export type AnotherService = { url: string; crash(): Promise<void> };

export type SystemOptions = {
  pbxLayout?: LayoutName;
  engine?: RedisEngineName;
  /** Where Redis and the spool keep their files; a temporary folder unless told. */
  dir?: string;
  /** Settings of one service, from those it would get: an address of a proxy instead of a server's. */
  route?: (name: ServiceName, env: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
};

/** The default of the services. */
const PBX_ID = 'main';
const client = { SIM_CLIENT_ID: 'relay', SIM_CLIENT_SECRET: 'simulated-secret' };

export async function startSystem(settings: Record<string, string> = {}, options: SystemOptions = {}): Promise<System> {
  const dir = await mkdtemp(join(options.dir ?? tmpdir(), 'relay-system-'));
  const engine = await startRedisEngine(options.engine ?? redisEngineName(), { dir, pbxId: PBX_ID });
  const database = await createTestDatabase();
  const apiKey = await createKey(database.url);
  const port = await findFreePort();
  const pbxLayout = options.pbxLayout ?? 'v20';
  const pbxDatabase = databaseNames(`database_${randomBytes(6).toString('hex')}`, databaseUrl());
  const env: Record<string, string> = {
    ...client,
    CLIENT_ID: client.SIM_CLIENT_ID,
    CLIENT_SECRET: client.SIM_CLIENT_SECRET,
    SIM_CALLS_PER_MINUTE: '0',
    SIM_DATABASE_URL: databaseUrl(),
    SIM_DATABASE_NAME: pbxDatabase.database,
    SIM_DATABASE_LAYOUT: pbxLayout,
    SIM_INI_DIR: join(dir, 'pbx'),
    PBX_INI: iniPath(join(dir, 'pbx'), pbxLayout),
    REDIS_URL: engine.url,
    ADMIN_SECRET: adminSecret,
    SPOOL_DIR: join(dir, 'spool'),
    PORT: String(port),
    // A test waits for reconnects; a PBX would not thank us for this.
    INGEST_RECONNECT_FIRST_MS: '200',
    ...settings,
  };
  const services = new Map<ServiceName, ServiceProcess>();
  const others = new Set<ServiceProcess>();
  const launch = async (name: ServiceName, own: Record<string, string> = {}) => {
    const whole = { ...env, DATABASE_URL: name === 'worker' ? database.url : asService(database.url), ...own };
    return startService(name, { ...whole, ...(await options.route?.(name, whole)) });
  };
  const start = async (name: ServiceName) => {
    services.set(name, await launch(name));
  };
  const connection = openRedisClient(engine.url, { name: 'test', silenceMs: 4_000, waitsForEver: true });
  const { redis } = connection;
  // It comes back by itself when Redis does.
  redis.on('error', () => undefined);
  const postgres = new pg.Pool({ connectionString: database.url, max: 2 });
  postgres.on('error', () => undefined);
  try {
    await start('simulator');
    env.PBX_URL = service('simulator').internalUrl;
    await waitFor(async () => (await askSimulator<{ state: string }>('GET', '/sim/database')).state === 'ready', {
      what: "the PBX's database",
      timeoutMs: 20_000,
    });
    await Promise.all([start('ingest'), start('relay'), start('worker')]);
  } catch (error) {
    await stop();
    throw error;
  }

  function service(name: ServiceName): ServiceProcess {
    const found = services.get(name);
    if (!found) throw new Error(`${name} was not started`);
    return found;
  }

  async function askSimulator<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const { internalUrl, isAlive, output } = service('simulator');
    const response = await fetch(internalUrl + path, {
      method,
      // A connection that is kept may be closed by the other side in the moment in which it is used again.
      headers: { connection: 'close' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    }).catch(cause => {
      const state = isAlive() ? 'is alive' : `is gone: ${output().slice(-2_000)}`;
      throw new Error(`${method} ${path} was not answered, the simulator ${state}`, { cause });
    });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  async function stop(): Promise<void> {
    for (const name of ['simulator', 'ingest', 'relay', 'worker'] as const) {
      if (services.get(name)?.isAlive()) await service(name).stop();
    }
    for (const other of others) if (other.isAlive()) await other.stop();
    await postgres.end();
    connection.stop();
    await database.drop();
    await dropPbxDatabase(databaseUrl(), pbxDatabase);
    await engine.stop();
    await rm(dir, { recursive: true, force: true });
  }

  return {
    relayUrl: `http://127.0.0.1:${port}`,
    databaseUrl: database.url,
    redisUrl: engine.url,
    simulatorUrl: service('simulator').internalUrl,
    apiKey,
    redis,
    keys: createLogKeys(PBX_ID),
    postgres,
    service,
    async crash(name) {
      await service(name).kill();
      await start(name);
    },
    restart: start,
    async startAnother(name) {
      const own: Record<string, string> = name === 'relay' ? { PORT: String(await findFreePort()) } : {};
      let process = await launch(name, own);
      others.add(process);
      return {
        url: own.PORT === undefined ? process.internalUrl : `http://127.0.0.1:${own.PORT}`,
        async crash() {
          await process.kill();
          others.delete(process);
          process = await launch(name, own);
          others.add(process);
        },
      };
    },
    killRedis: engine.kill,
    redisEngine: engine,
    sim: askSimulator,
    stop,
  };
}

async function createKey(databaseUrl: string): Promise<string> {
  const logger = pino({ level: 'silent' });
  const store = createPool({ databaseUrl, max: 1, name: 'test-keys', logger });
  const keys = new APIKeyManager({ pool: store.pool, adminSecret, passwordHash: cheapHash, logger });
  const { apiKey } = await keys.generateKey('end to end', ['read', 'history', 'write', 'monitor'], 'test');
  await keys.stop();
  await store.stop();
  return apiKey;
}
