import { once } from 'node:events';
import type { Server } from 'node:http';
import type { PbxDatabaseOptions } from './database/pbx-database.ts';
import { createRecords } from './database/records.ts';
import type { Lateness } from './database/segment-log.ts';
import { createFaultControls } from './faults/fault-controls.ts';
import { FaultDesk } from './faults/fault-desk.ts';
import { Feed } from './feed/feed.ts';
import { FrameLog } from './feed/frame-log.ts';
import { SocketHub } from './feed/socket-hub.ts';
import { createCallControlReads } from './http/callcontrol-reads.ts';
import { attachCallControlSocket } from './http/callcontrol-socket.ts';
import { createClientRoutes } from './http/client-routes.ts';
import { createEventRoutes } from './http/event-routes.ts';
import { createFaultRoutes } from './http/fault-routes.ts';
import { createParticipantStreams } from './http/participant-stream.ts';
import { createPbxRoutes } from './http/pbx-routes.ts';
import { createRecordsRoutes } from './http/records-routes.ts';
import { createPbxServer } from './http/server.ts';
import { createSimRoutes } from './http/sim-routes.ts';
import { createSocketRequests } from './http/socket-requests.ts';
import { Burst } from './pbx/burst.ts';
import { CallControlApi } from './pbx/call-control.ts';
import { CallEngine } from './pbx/call-engine.ts';
import { CallPlanner } from './pbx/call-plans.ts';
import type { CdrSegment } from './pbx/cdr-segment.ts';
import { ClientRegister } from './pbx/client-register.ts';
import { type Clock, systemClock } from './pbx/clock.ts';
import { createDeviceDesk } from './pbx/device-desk.ts';
import { createDirectory } from './pbx/directory.ts';
import { createRandom } from './pbx/random.ts';
import { Switchboard } from './pbx/switchboard.ts';
import { TokenOffice } from './pbx/tokens.ts';
import { Traffic } from './pbx/traffic.ts';
import { createXapi } from './xapi/xapi.ts';

export type SimulatorOptions = {
  clientId: string;
  clientSecret: string;
  /** 0, the default, takes a free port. */
  port?: number;
  callsPerMinute?: number;
  /** 1 plays real ring and talk times; the default 0.25 keeps a demonstration moving. */
  timeScale?: number;
  seed?: number;
  extensions?: number;
  maxFrames?: number;
  clock?: Clock;
  /** The PBX's own PostgreSQL database; without it XAPI alone tells of calls that are over. */
  database?: PbxDatabaseOptions;
  /** How late detail records are seen. */
  lateness?: Partial<Lateness>;
  /** Told what an operator should know. */
  onWarning?: (message: string) => void;
  /** Told every detail record when its segment has ended. */
  onSegment?: (segment: CdrSegment) => void;
};

export type Simulator = { readonly url: string; readonly port: number; stop(): Promise<void> };

const MAX_SOCKET_BUFFER_BYTES = 64 * 1024 * 1024;

/** A small 3CX V20 on a loopback port: see README.md for what it imitates and where each behaviour is known from. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clientId, clientSecret, seed = 1 } = options;
  const clock = options.clock ?? systemClock;

  const log = new FrameLog(options.maxFrames ?? 2_000_000);
  const hub = new SocketHub({ clock, lastN: () => log.last, maxBufferedBytes: MAX_SOCKET_BUFFER_BYTES });
  const register = new ClientRegister({ id: clientId, secret: clientSecret });
  const feed = new Feed({ log, hub, clock, isMonitored: dn => register.isMonitored(dn) });
  const tokens = new TokenOffice({
    clock,
    register,
    onWorthless: (token, closesSockets) => {
      streams.endHoldersOf(token);
      if (closesSockets) hub.closeHoldersOf(token);
    },
  });

  const board = new Switchboard((eventType, entity, about) => feed.announce(eventType, entity, about));
  const directory = createDirectory(createRandom(seed, 'directory'), options.extensions ?? 30);
  const records = createRecords({
    clock,
    directory,
    random: createRandom(seed, 'records'),
    warn: options.onWarning ?? (() => undefined),
    database: options.database,
    lateness: options.lateness ?? {},
  });
  const engine = new CallEngine({
    board,
    directory,
    clock,
    random: createRandom(seed, 'calls'),
    onSegment: segment => {
      records.add(segment);
      options.onSegment?.(segment);
    },
  });
  const planner = new CallPlanner(
    { directory, board, random: createRandom(seed, 'plans'), routePoint: clientId },
    options.timeScale ?? 0.25,
  );
  const traffic = new Traffic({ engine, planner, clock, random: createRandom(seed, 'traffic') });
  const burst = new Burst({
    engine,
    planner,
    board,
    clock,
    random: createRandom(seed, 'burst'),
    anyDn: directory.dns[0] ?? clientId,
    eventCount: () => feed.announced,
    batch: send => hub.batch(send),
  });

  const desk = new FaultDesk(clock);
  const api = new CallControlApi({ board, engine, planner, directory, register });
  const streams = createParticipantStreams({ tokens, register, api, board, clock });
  const reads = createCallControlReads({ tokens, register, api });
  const restart = (): void => {
    burst.stop();
    engine.restart();
    feed.reset();
    hub.closeAll(1012, 'service restart');
  };
  const faults = createFaultControls({
    ...{ desk, hub, feed, tokens, board },
    present: () => engine.active().flatMap(({ legs }) => legs),
    monotonicMs: () => clock.monotonicMs(),
  });
  const xapi = createXapi({
    ...{ tokens, register, engine, directory, clock, segments: records.segments },
    random: createRandom(seed, 'history'),
  });
  const server = createPbxServer({
    clock,
    faults: desk,
    reads: (request, response, path) => streams.take(request, response, path) || reads(request, response, path),
    routers: [
      createPbxRoutes({ tokens, register, api }),
      xapi.router,
      createClientRoutes({ register, directory }),
      createEventRoutes({ api, board, devices: createDeviceDesk(directory, board), directory, engine }),
      createRecordsRoutes({ records, xapi: xapi.settings }),
      createFaultRoutes({ faults, database: records.database?.faults ?? null }),
      createSimRoutes({
        engine,
        planner,
        traffic,
        burst,
        directory,
        tokens,
        register,
        log,
        hub,
        sequence: () => feed.sequence,
        restart,
      }),
    ],
  });
  const upgrades = attachCallControlSocket({
    server,
    tokens,
    register,
    hub,
    faults: desk,
    onRequest: createSocketRequests({ api, feed, register }),
  });

  await listen(server, options.port ?? 0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulator did not get a TCP port.');
  traffic.set({ callsPerMinute: options.callsPerMinute ?? 0 });

  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    async stop() {
      if (!server.listening) return;
      traffic.stop();
      burst.stop();
      engine.stop();
      tokens.expire();
      streams.stop();
      upgrades.stop();
      hub.destroy();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await records.stop();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Port ${port} on 127.0.0.1 cannot be used (${reason}): stop what holds it or set SIM_PORT=0.`, {
      cause,
    });
  }
}
