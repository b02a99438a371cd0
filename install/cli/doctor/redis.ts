import { lagSeconds, readPersistLag } from '@3cx-relay/shared/log/persist-lag.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { formatBytes } from '../print.ts';
import { type Check, failure, ok, warning } from './check.ts';

const MIN_VERSION = [6, 2] as const;
const FULL = 0.8;
const BEHIND_S = 60;
/** As the worker reads it. */
const DEFAULT_LOG_MAX_BYTES = 1024 ** 3;

/** What keeps an acknowledged event through a crash, and what would push it out. */
const WANTED: readonly (readonly [setting: string, value: string, why: string])[] = [
  ['appendonly', 'yes', 'the log is lost with the process'],
  ['appendfsync', 'always', 'the last second of the log is lost with the machine'],
  ['maxmemory-policy', 'noeviction', 'a full Redis drops the log and the queues'],
];

export const redisChecks: readonly Check[] = [
  {
    name: 'redis-settings',
    run: async ({ redis }) => {
      const server = redis();
      const version = /^redis_version:(\S+)/m.exec(await server.redis.info('server'))?.[1] ?? '';
      const wrong: string[] = [];
      try {
        for (const [setting, wanted, why] of WANTED) {
          const [, value] = (await server.redis.config('GET', setting)) as string[];
          if (value !== wanted) wrong.push(`${setting} is ${value} instead of ${wanted}: ${why}`);
        }
      } catch {
        return warning(
          `Redis ${version} does not show its settings`,
          'a managed Redis: see there that it has an AOF and no eviction',
        );
      }
      if (wrong.length > 0) return failure(wrong.join('; '), 'correct redis.conf and restart Redis');
      if (!isAtLeast(version, MIN_VERSION)) return failure(`Redis ${version} is too old`, 'install Redis 6.2 or later');
      return ok(`Redis ${version} syncs every write and evicts nothing`);
    },
  },
  {
    name: 'redis-memory',
    run: async ({ redis, settings }) => {
      const { redis: server, keys } = redis();
      const [info, ...sizes] = await Promise.all([
        server.info('memory'),
        ...CHANNELS.map(channel => server.memory('USAGE', keys.log(channel))),
      ]);
      const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
      const [used, max] = [numberOf('used_memory'), numberOf('maxmemory')];
      const log = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
      const budget = Number(settings.values.LOG_MAX_BYTES ?? DEFAULT_LOG_MAX_BYTES);
      const text = `${formatBytes(used)} used${max > 0 ? ` of ${formatBytes(max)}` : ''}, the log ${formatBytes(log)} of ${formatBytes(budget)}`;
      if (max > 0 && used > max * FULL) return failure(text, 'raise maxmemory, or lower LOG_MAX_BYTES');
      if (max > 0 && budget > max)
        return warning(`${text}: LOG_MAX_BYTES is more than Redis may use`, 'raise maxmemory above it');
      return ok(text);
    },
  },
  {
    name: 'persister',
    run: async ({ redis, now }) => {
      const { redis: server, keys } = redis();
      const [lags, isRunning] = await Promise.all([readPersistLag(server, keys), server.exists(keys.workerStatus)]);
      const waiting = [...lags].map(([channel, lag]) => ({ channel, lag, seconds: lagSeconds(lag, now()) }));
      const behind = waiting.filter(({ seconds }) => seconds > BEHIND_S);
      const text = behind
        .map(each => `${each.channel} ${each.lag.entries} entries, ${Math.round(each.seconds)} s`)
        .join('; ');
      if (isRunning === 0)
        return failure('the worker says nothing', 'see "ready-worker": the log waits in Redis until it runs');
      if (behind.length > 0)
        return failure(`PostgreSQL is behind: ${text}`, "look at the worker's log and at PostgreSQL");
      return ok('PostgreSQL has the log of all channels');
    },
  },
];

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number);
  return first > major || (first === major && second >= minor);
}
