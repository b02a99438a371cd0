import { once } from 'node:events';
import type { Server } from 'node:http';
import { createFaultControls } from './faults/fault-controls.ts';
import { FaultDesk } from './faults/fault-desk.ts';
import { Feed } from './feed/feed.ts';
import { FrameLog } from './feed/frame-log.ts';
import { SocketHub } from './feed/socket-hub.ts';
import { createCallControlReads } from './http/callcontrol-reads.ts';
import { attachCallControlSocket } from './http/callcontrol-socket.ts';
import { createClientRoutes } from './http/client-routes.ts';
import { createPbxRoutes } from './http/pbx-routes.ts';
import { createPbxServer } from './http/server.ts';
import { createSimRoutes } from './http/sim-routes.ts';
import { createSocketRequests } from './http/socket-requests.ts';
import { Burst } from './pbx/burst.ts';
import { createCallControlApi } from './pbx/call-control.ts';
import { CallEngine } from './pbx/call-engine.ts';
import { CallPlanner } from './pbx/call-plans.ts';
import { ClientRegister } from './pbx/client-register.ts';
import { type Clock, systemClock } from './pbx/clock.ts';
import { createDirectory } from './pbx/directory.ts';
import { createRandom } from './pbx/random.ts';
import { Switchboard } from './pbx/switchboard.ts';
import { TokenOffice } from './pbx/tokens.ts';
import { Traffic } from './pbx/traffic.ts';

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
};

export type Simulator = { readonly url: string; readonly port: number; stop(): Promise<void> };

const MAX_SOCKET_BUFFER_BYTES = 64 * 1024 * 1024;

/** A small 3CX V20 on a loopback port: see README.md for what it imitates and where each behaviour is known from. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clientId, clientSecret, seed = 1 } = options;
  const clock = options.clock ?? systemClock;

  const log = new FrameLog(options.maxFrames ?? 2_000_000);
  const hub = new SocketHub({ clock, lastN: () => log.last, maxBufferedBytes: MAX_SOCKET_BUFFER_BYTES });
  const feed = new Feed({ log, hub, clock });
  const register = new ClientRegister({ id: clientId, secret: clientSecret });
  const tokens = new TokenOffice({
    clock,
    register,
    onWorthless: (token, closesSockets) => void (closesSockets && hub.closeHoldersOf(token)),
  });

  const board = new Switchboard((eventType, entity) => feed.announce(eventType, entity));
  const directory = createDirectory(createRandom(seed, 'directory'), options.extensions ?? 30);
  const engine = new CallEngine({ board, directory, clock, random: createRandom(seed, 'calls') });
  const planner = new CallPlanner({ directory, board, random: createRandom(seed, 'plans') }, options.timeScale ?? 0.25);
  const traffic = new Traffic({ engine, planner, clock, random: createRandom(seed, 'traffic') });
  const burst = new Burst({
    engine,
    planner,
    board,
    clock,
    random: createRandom(seed, 'burst'),
    anyDn: directory.dns[0] ?? clientId,
    frameCount: () => log.last,
    batch: send => hub.batch(send),
  });

  const desk = new FaultDesk(clock);
  const api = createCallControlApi({ board, engine, planner, directory, clientId });
  const restart = (): void => {
    burst.stop();
    engine.restart();
    feed.reset();
    hub.closeAll(1012, 'service restart');
  };
  const faults = createFaultControls({ desk, hub, feed, tokens, monotonicMs: () => clock.monotonicMs() });
  const server = createPbxServer({
    clock,
    faults: desk,
    reads: createCallControlReads({ tokens, register, api }),
    routers: [
      createPbxRoutes({ tokens, register, api }),
      createClientRoutes({ register, directory }),
      createSimRoutes({
        engine,
        planner,
        traffic,
        burst,
        directory,
        tokens,
        faults,
        log,
        hub,
        sequence: () => feed.sequence,
        restart,
      }),
    ],
  });
  attachCallControlSocket({
    server,
    tokens,
    register,
    hub,
    faults: desk,
    onRequest: createSocketRequests({ api, feed }),
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
      hub.destroy();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
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
