import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { Registry } from 'prom-client';
import { type IngestConfig, pbxUrlOf } from '../config.ts';
import type { Ingestion } from '../ingestion.ts';
import type { DurableLog } from '../log/durable-log.ts';
import { watchConnections } from '../monitor/watch-connections.ts';
import type { PbxConnection } from '../pbx/connect-pbx.ts';
import type { IngestStatus } from '../status.ts';
import { createCallCommands } from './call-commands.ts';
import { createCommandMarks } from './command-marks.ts';
import { createPbxJobs } from './pbx-jobs.ts';
import { createPbxPost } from './pbx-post.ts';
import { createRecordPages } from './record-pages.ts';

/** What ingest does beside the way of a frame: it watches its connections, reconnects them and executes commands. */
export interface PbxControl {
  readonly status: Pick<IngestStatus, 'components' | 'checksDrivenBy'>;
  /** Takes nothing more and lets commands come to their end. */
  finish(): Promise<void>;
  stop(): Promise<void>;
}

export interface PbxControlDeps {
  readonly pbx: PbxConnection;
  readonly ingestion: Pick<Ingestion, 'error'>;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly log: DurableLog;
  readonly errors?: ErrorSink;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Beyond these a command waits for another to be answered; the relays bound how many there are. */
const COMMAND_SOCKETS = 32;

export async function createPbxControl(config: IngestConfig, deps: PbxControlDeps): Promise<PbxControl> {
  const { pbx, ingestion, redis, keys, log } = deps;
  const socket = {
    get state() {
      return pbx.socket.state;
    },
    get openSince() {
      return pbx.socket.openSince;
    },
    // An open socket is worth little while the PBX does not show its calls.
    get error() {
      return pbx.socket.error ?? ingestion.error;
    },
    reconnect: (why: string) => pbx.socket.reconnect(why),
  };
  const watched = await watchConnections(
    { databaseUrl: config.DATABASE_URL },
    { ...deps, database: pbx.database, xapi: pbx.xapi, socket, toldRefusal: () => pbx.token.refusal },
  );
  const { monitor, schedule } = watched;
  pbx.failures.quietWhile(name =>
    monitor.components.some(({ component, state }) => component === name && state === 'down'),
  );
  const post = createPbxPost(pbxUrlOf(config), {
    timeoutMs: config.INGEST_COMMAND_TIMEOUT_MS,
    maxSockets: COMMAND_SOCKETS,
  });
  const commands = createCallCommands({
    ...deps,
    marks: createCommandMarks({ redis, keys }),
    token: pbx.token,
    pbx: post,
    write: (channel, entry) => log.write(channel, entry),
  });
  const records = createRecordPages({ ...pbx, errors: pbx.failures });
  const jobs = createPbxJobs({
    ...deps,
    redisUrl: config.REDIS_URL,
    monitor,
    schedule,
    commands,
    records,
    xapi: pbx.xapi,
  });
  return {
    get status() {
      return { components: monitor.components, checksDrivenBy: schedule.drivenBy };
    },
    finish: () => jobs.stop(),
    async stop() {
      post.stop();
      await watched.stop();
    },
  };
}
