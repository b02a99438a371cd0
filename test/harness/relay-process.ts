import { readdir, readFile } from 'node:fs/promises';
import { APIKeyManager } from '@3cx-relay/relay/keys/api-key-manager.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { pino } from 'pino';
import { findFreePort } from '../../install/dev/system/ports.ts';
import { cheapHash } from './cheap-hash.ts';
import { createTestDatabase } from './database.ts';
import { startService } from './processes.ts';
import { createTestRedis } from './redis.ts';
import { adminSecret } from './relay.ts';
import { asService } from './service-role.ts';

export type RelayProcess = {
  url: string;
  /** After a restart another one. */
  readonly pid: number;
  apiKey: string;
  redisUrl: string;
  pbxId: string;
  databaseUrl: string;
  isAlive(): boolean;
  /** Sum over the labels. */
  metric(name: string): Promise<number>;
  /** Memory that the process holds now, in bytes, as the kernel counts it. */
  residentBytes(): Promise<number>;
  /** SIGKILL, then again with the same settings; resolves when it is ready. */
  restart(): Promise<void>;
  /** File descriptors that it holds now, connections among them. */
  openFiles(): Promise<number>;
  /** What it wrote to its log, the last 200 kB. */
  output(): string;
  stop(): Promise<void>;
};

/** The relay as a process of its own, so that its memory is its own, with a database and a log of its own. */
export async function startRelayProcess(
  options: {
    settings?: Record<string, string>;
    /** Before it starts. */
    prepare?: (target: { redisUrl: string; databaseUrl: string; pbxId: string }) => Promise<unknown>;
  } = {},
): Promise<RelayProcess> {
  const [database, redis, port] = await Promise.all([createTestDatabase(), createTestRedis(), findFreePort()]);
  const logger = pino({ level: 'silent' });
  const store = createPool({ databaseUrl: database.url, max: 1, name: 'test-keys', logger });
  const keys = new APIKeyManager({ pool: store.pool, adminSecret, passwordHash: cheapHash, logger });
  const { apiKey } = await keys.generateKey('test', ['read', 'history', 'write', 'monitor'], 'test');
  await keys.stop();
  await store.stop();
  await options.prepare?.({ redisUrl: redis.url, databaseUrl: database.url, pbxId: redis.pbxId });
  const start = () =>
    startService('relay', {
      REDIS_URL: redis.url,
      DATABASE_URL: asService(database.url),
      ADMIN_SECRET: adminSecret,
      PBX_ID: redis.pbxId,
      PORT: String(port),
      RELAY_DRAIN_MS: '0',
      ...options.settings,
    });
  let service = await start();
  return {
    url: `http://127.0.0.1:${port}`,
    get pid() {
      return service.pid;
    },
    apiKey,
    redisUrl: redis.url,
    pbxId: redis.pbxId,
    databaseUrl: database.url,
    isAlive: () => service.isAlive(),
    async metric(name) {
      const text = await (await fetch(`${service.internalUrl}/metrics`)).text();
      const samples = text.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      if (samples.length === 0) throw new Error(`the relay has no metric ${name}`);
      return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    async residentBytes() {
      const status = await readFile(`/proc/${service.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
    },
    async restart() {
      await service.kill();
      service = await start();
    },
    openFiles: async () => (await readdir(`/proc/${service.pid}/fd`)).length,
    output: () => service.output(),
    async stop() {
      await service.stop();
      await database.drop();
    },
  };
}
