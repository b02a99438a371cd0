import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { pingServerOf } from '@3cx-relay/shared/runtime/redis-server.ts';
import { createPool } from '@3cx-relay/shared/store/pool.ts';
import { reportComponents } from '../errors/report-components.ts';
import type { DurableLog } from '../log/durable-log.ts';
import { ABSENT, createCheck } from './check.ts';
import { ConnectionMonitor } from './connection-monitor.ts';
import { createEventLoopCheck } from './event-loop-check.ts';
import { logConnections, readLastSamples } from './health-log.ts';
import type { MonitoredDatabase, MonitoredSocket, MonitoredXapi } from './monitored.ts';
import { type ConnectionSchedule, createConnectionSchedule } from './schedule.ts';

/**
 * The monitor with all that it looks at.
 *
 * Ingest does not need PostgreSQL, and looks at it all the same where it is told the address: one process then writes
 * the whole channel, at one pace, and says that PostgreSQL is away also when the worker is away with it.
 */
export interface WatchedConnections {
  readonly monitor: ConnectionMonitor;
  readonly schedule: ConnectionSchedule;
  stop(): Promise<void>;
}

export interface WatchDeps {
  readonly database: MonitoredDatabase;
  readonly xapi: MonitoredXapi;
  readonly socket: MonitoredSocket;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly log: Pick<DurableLog, 'write'>;
  readonly errors?: ErrorSink;
  /** The refusal of a token that was told already. */
  readonly toldRefusal: () => string | null;
  readonly logger: Logger;
}

const POSTGRES_TIMEOUT_MS = 2_000;

export async function watchConnections(
  settings: { databaseUrl: string | undefined },
  deps: WatchDeps,
): Promise<WatchedConnections> {
  const { redis, keys, logger } = deps;
  const monitor = new ConnectionMonitor(deps.database, deps.xapi, deps.socket);
  const eventLoop = createEventLoopCheck();
  const postgres = settings.databaseUrl
    ? createPool({
        databaseUrl: settings.databaseUrl,
        name: 'relay ingest',
        max: 1,
        statementTimeoutMs: POSTGRES_TIMEOUT_MS,
        logger,
      })
    : null;
  monitor.watch(
    'redis',
    createCheck(() => pingServerOf(redis, keys.meta('calls'))),
  );
  monitor.watch('postgres', postgres ? createCheck(postgres.ping) : async () => ABSENT);
  monitor.watch('event_loop', eventLoop.check);
  // What cannot be read is as if nothing had been seen before: the states then begin now.
  monitor.restore(await readLastSamples({ redis, keys }).catch(() => []));
  logConnections(monitor, (channel, entry) => deps.log.write(channel, entry));
  reportComponents(monitor, deps);
  const schedule = createConnectionSchedule({ monitor, logger });
  return {
    monitor,
    schedule,
    async stop() {
      schedule.stop();
      eventLoop.stop();
      await postgres?.stop();
    },
  };
}
