import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Registry } from 'prom-client';
import { type IngestConfig, pbxUrlOf } from '../config.ts';
import { type CallControlApi, createCallControlApi } from './callcontrol-api.ts';
import { CallControlWebSocket } from './callcontrol-websocket.ts';
import { createOAuthToken } from './oauth-token.ts';
import { createPbxHttp } from './pbx-http.ts';
import { createReconnectPlan } from './reconnect-plan.ts';

export interface PbxConnection {
  readonly api: CallControlApi;
  /** Not started yet. */
  readonly socket: CallControlWebSocket;
  stop(): void;
}

/** Everything that talks to the PBX shares one token and one pool of connections. */
export function connectPbx(config: IngestConfig, deps: { logger: Logger; registry: Registry }): PbxConnection {
  const pbxUrl = pbxUrlOf(config);
  const credentials = { clientId: config.CLIENT_ID, clientSecret: config.CLIENT_SECRET };
  // Two beside the entity GETs: the token and the snapshot must not queue behind them.
  const http = createPbxHttp(pbxUrl, { maxSockets: config.INGEST_GET_CONCURRENCY + 2 });
  const token = createOAuthToken({ http: http.http }, credentials);
  const plan = createReconnectPlan({
    auth: config.CALLCONTROL_AUTH,
    quickMs: config.INGEST_RECONNECT_QUICK_MS,
    firstMs: config.INGEST_RECONNECT_FIRST_MS,
    maxMs: config.INGEST_RECONNECT_MAX_MS,
  });
  const socket = new CallControlWebSocket(
    {
      pbxUrl,
      credentials,
      pingMs: config.INGEST_PING_MS,
      pongDeadlineMs: config.INGEST_PONG_DEADLINE_MS,
      maxFrameBytes: config.INGEST_MAX_FRAME_BYTES,
    },
    { token, plan, ...deps },
  );
  const api = createCallControlApi({ pbx: http, token });
  return {
    api,
    socket,
    stop() {
      socket.stop();
      http.stop();
    },
  };
}
