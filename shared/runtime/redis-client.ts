import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';

/**
 * A client for whatever `REDIS_URL` names, with one promise on all of them: it reconnects for ever, and a command fails
 * when its server is away instead of waiting for it, unless `waitsForEver`. ioredis keeps that promise by itself for one
 * server only. Before Sentinels and a Cluster it would keep commands while it looks for a master, which may be for hours;
 * there each attempt is allowed to fail, which rejects what waits, and the next one is made here.
 */
export interface RedisClientOptions {
  readonly name: string;
  readonly silenceMs: number;
  /** For BullMQ, which insists on commands that wait; otherwise they fail, and the caller knows whether to repeat them. */
  readonly waitsForEver: boolean;
}

export interface RedisClient {
  /**
   * A Cluster has every command that is used here, and routes each by its key, which is why it goes by the same type:
   * all keys of one PBX are in one slot. What asks a server and not a key stands in redis-server.ts.
   */
  readonly redis: Redis;
  stop(): void;
}

const RECONNECT_MAX_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** For a Sentinel, and for a node of a Cluster that is asked who has which slots. */
const ASK_TIMEOUT_MS = 2_000;
/** Who has which slots is learned when a command goes wrong; this is for those that only listen. */
const SLOTS_REFRESH_MS = 5_000;
const PAUSE_AFTER_FAILURE_MS = 250;

export function openRedisClient(url: string, options: RedisClientOptions): RedisClient {
  const address = parseRedisUrl(url);
  const redis = create(address, options);
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  redis.on('end', () => {
    // One server's ends only where somebody ended it.
    if (isStopped || address.kind === 'single' || address.kind === 'socket') return;
    timer = setTimeout(() => void redis.connect().catch(() => undefined), PAUSE_AFTER_FAILURE_MS);
  });
  return {
    redis: redis as Redis,
    stop() {
      isStopped = true;
      clearTimeout(timer);
      redis.disconnect();
    },
  };
}

function create(address: RedisAddress, options: RedisClientOptions): Redis | Cluster {
  const common = toCommon(options);
  if (address.kind === 'single') return new Redis(address.url, common);
  const { username, password } = address;
  const login = { ...(username && { username }), ...(password && { password }) };
  if (address.kind === 'socket') return new Redis({ ...common, ...login, path: address.path, db: address.db });
  if (address.kind === 'sentinel') {
    const { sentinelLogin } = address;
    return new Redis({
      ...common,
      ...login,
      sentinels: [...address.sentinels],
      name: address.master,
      db: address.db,
      ...(sentinelLogin.username && { sentinelUsername: sentinelLogin.username }),
      ...(sentinelLogin.password && { sentinelPassword: sentinelLogin.password }),
      ...(address.tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
      sentinelCommandTimeout: ASK_TIMEOUT_MS,
      sentinelRetryStrategy: options.waitsForEver ? delayOf : () => null,
      sentinelReconnectStrategy: delayOf,
      // A master that is cut off from its Sentinels but not from us must be left: it goes on taking writes.
      failoverDetector: true,
    });
  }
  const { retryStrategy: _, ...node } = { ...common, ...login, ...(address.tls && { tls: {} }) };
  return new Cluster([...address.hosts], {
    redisOptions: node,
    // By name, as certificates are: ioredis would put the addresses of the named nodes in the place of their names.
    dnsLookup: (host, use) => use(null, host),
    slotsRefreshTimeout: ASK_TIMEOUT_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    clusterRetryStrategy: options.waitsForEver ? delayOf : () => null,
    // As autoResendUnfulfilledCommands of one server: a command whose node went away may have been executed. BullMQ,
    // too, rather hears of it, as it does not get away from a Cluster that repeats a command while it is closed.
    retryDelayOnFailover: 0,
  });
}

function toCommon(options: RedisClientOptions) {
  return {
    connectionName: options.name,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: options.silenceMs,
    keepAlive: 10_000,
    noDelay: true,
    maxRetriesPerRequest: options.waitsForEver ? null : 0,
    // A command whose answer never came is the caller's to repeat, who knows whether that is safe. With commands that
    // wait for ever nobody is told of the loss (ioredis neither sends nor rejects them), so that those are sent again.
    autoResendUnfulfilledCommands: options.waitsForEver,
    retryStrategy: delayOf,
    // A master that became a replica refuses writes: the next connection finds the new one.
    reconnectOnError: (error: Error) => (error.message.includes('READONLY') ? (options.waitsForEver ? 2 : 1) : false),
  } satisfies RedisOptions;
}

function delayOf(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(attempt, 10));
}
