import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Registry } from 'prom-client';
import { type IngestConfig, pbxUrlOf } from '../config.ts';
import { createQuietSink, type QuietSink } from '../errors/quiet-in-outage.ts';
import { type ReportedToken, reportRefusals } from '../errors/report-refusals.ts';
import { type CallControlApi, createCallControlApi } from './callcontrol/callcontrol-api.ts';
import { CallControlWebSocket } from './callcontrol/callcontrol-websocket.ts';
import { createReconnectPlan } from './callcontrol/reconnect-plan.ts';
import type { CdrSource } from './cdr.ts';
import { createCdrSource } from './cdr-source.ts';
import { Database3CX } from './database/database-3cx.ts';
import { createOAuthToken } from './oauth-token.ts';
import { createPbxHttp } from './pbx-http.ts';
import { XAPIClient } from './xapi/xapi-client.ts';

export interface PbxConnection {
  readonly token: ReportedToken;
  readonly api: CallControlApi;
  /** Not started yet. */
  readonly socket: CallControlWebSocket;
  readonly xapi: XAPIClient;
  /** Opened when it is first needed. */
  readonly database: Database3CX;
  /** Where single questions to XAPI and the database tell that they failed. */
  readonly failures: QuietSink;
  /** Call records from whichever of the two has them. */
  readonly cdr: CdrSource;
  stop(): Promise<void>;
}

/** Everything that talks to the PBX over HTTP shares one token: a second owner would kill it again and again. */
export function connectPbx(
  config: IngestConfig,
  deps: { logger: Logger; errors?: ErrorSink; registry: Registry },
): PbxConnection {
  const pbxUrl = pbxUrlOf(config);
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret } = config;
  // Two beside the entity GETs: the token and the snapshot must not queue behind them.
  const http = createPbxHttp(pbxUrl, { maxSockets: config.INGEST_GET_CONCURRENCY + 2 });
  const token = reportRefusals(createOAuthToken({ http: http.http }, { clientId, clientSecret }), deps);
  const plan = createReconnectPlan({
    auth: config.CALLCONTROL_AUTH,
    quickMs: config.INGEST_RECONNECT_QUICK_MS,
    firstMs: config.INGEST_RECONNECT_FIRST_MS,
    maxMs: config.INGEST_RECONNECT_MAX_MS,
  });
  const socket = new CallControlWebSocket(pbxUrl, clientId, clientSecret, {
    token,
    plan,
    pingMs: config.INGEST_PING_MS,
    pongDeadlineMs: config.INGEST_PONG_DEADLINE_MS,
    maxFrameBytes: config.INGEST_MAX_FRAME_BYTES,
    ...deps,
  });
  const failures = createQuietSink(deps.errors);
  // With connections of its own: an XAPI that hangs must not take those of call control.
  const xapi = new XAPIClient(pbxUrl, clientId, clientSecret, {
    token,
    timeoutMs: config.INGEST_XAPI_TIMEOUT_MS,
    attempts: config.INGEST_XAPI_ATTEMPTS,
    maxBytes: config.INGEST_XAPI_MAX_BYTES,
    circuitFailures: config.INGEST_XAPI_CIRCUIT_FAILURES,
    circuitOpenMs: config.INGEST_XAPI_CIRCUIT_OPEN_MS,
    ...deps,
    errors: failures,
  });
  const database = new Database3CX({
    ...(config.PBX_DB_URL === undefined ? {} : { databaseUrl: config.PBX_DB_URL }),
    ...(config.PBX_INI === undefined ? {} : { iniPath: config.PBX_INI }),
    connectTimeoutMs: config.INGEST_DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.INGEST_DB_STATEMENT_TIMEOUT_MS,
    maxSegments: config.INGEST_DB_MAX_SEGMENTS,
    logger: deps.logger,
  });
  const api = createCallControlApi({ pbx: http, token });
  return {
    token,
    api,
    socket,
    xapi,
    database,
    failures,
    cdr: createCdrSource({ database, xapi, logger: deps.logger }),
    async stop() {
      socket.stop();
      xapi.stop();
      http.stop();
      await database.stop();
    },
  };
}
