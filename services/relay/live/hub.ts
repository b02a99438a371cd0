import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import type { Block } from './block.ts';
import type { Connection } from './connection.ts';

/** Everyone who is connected: hands them what the tail reads, keeps their positions fresh, and says goodbye. */
export interface Hub {
  readonly size: number;
  add(connection: Connection): void;
  remove(connection: Connection): void;
  connections(): Iterable<Connection>;
  onBlock(channel: Channel, block: Block): void;
  onReset(channel: Channel, oldest: number): void;
  /**
   * Tells every client when to come back and closes them spread over the window, so that the instance that takes them
   * gets a slope and not a wall. Resolves when all are gone, at the latest some time after the window.
   */
  drain(windowMs: number): Promise<void>;
  stop(): void;
}

/** How long a client has to answer the close before its socket is cut. */
const CLOSE_GRACE_MS = 1_000;

export function createHub(options: { heartbeatMs: number }, random: () => number = Math.random): Hub {
  const connections = new Set<Connection>();
  const idleMs = options.heartbeatMs / 2;
  const positions = setInterval(() => {
    for (const connection of connections) connection.sendPositions(idleMs);
  }, idleMs);
  const pings = setInterval(() => {
    for (const connection of connections) connection.ping();
  }, options.heartbeatMs);

  return {
    get size() {
      return connections.size;
    },
    add: connection => void connections.add(connection),
    remove: connection => void connections.delete(connection),
    connections: () => connections,
    onBlock(channel, block) {
      for (const connection of connections) connection.subscriptions.get(channel)?.onBlock(block);
    },
    onReset(channel, oldest) {
      for (const connection of connections) connection.subscriptions.get(channel)?.onReset(oldest);
    },
    async drain(windowMs) {
      const leaving = [...connections];
      await Promise.all(
        leaving.map(async connection => {
          const leaveInMs = random() * windowMs;
          connection.send({ type: 'reconnect', afterMs: Math.round(random() * windowMs) });
          await delay(leaveInMs);
          connection.close(RESTART);
        }),
      );
      const deadline = performance.now() + CLOSE_GRACE_MS;
      while (connections.size > 0 && performance.now() < deadline) await delay(10);
      for (const connection of connections) connection.terminate();
    },
    stop() {
      clearInterval(positions);
      clearInterval(pings);
    },
  };
}
