import { setTimeout as delay } from 'node:timers/promises';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import type { Block } from './block.ts';
import type { ClientOwner } from './client-owner.ts';
import type { LiveClient } from './live-client.ts';

/** Everyone who is connected: hands them what the tail reads, keeps their positions fresh, and says goodbye. */
export interface Hub {
  readonly size: number;
  add(client: LiveClient, owner: ClientOwner): void;
  remove(client: LiveClient): void;
  clients(): Iterable<LiveClient>;
  owners(): Iterable<readonly [LiveClient, ClientOwner]>;
  onBlock(channel: Channel, block: Block): void;
  onReset(channel: Channel, info: LogInfo): void;
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
  const clients = new Map<LiveClient, ClientOwner>();
  const idleMs = options.heartbeatMs / 2;
  const positions = setInterval(() => {
    for (const client of clients.keys())
      for (const subscription of client.subscriptions.values()) subscription.sendPosition(idleMs);
  }, idleMs);
  const beats = setInterval(() => {
    for (const client of clients.keys()) client.beat();
  }, options.heartbeatMs);

  return {
    get size() {
      return clients.size;
    },
    add: (client, owner) => void clients.set(client, owner),
    remove: client => void clients.delete(client),
    clients: () => clients.keys(),
    owners: () => clients,
    onBlock(channel, block) {
      for (const client of clients.keys()) client.subscriptions.get(channel)?.onBlock(block);
    },
    onReset(channel, info) {
      for (const client of clients.keys()) client.subscriptions.get(channel)?.onReset(info);
    },
    async drain(windowMs) {
      await Promise.all(
        [...clients.keys()].map(async client => {
          const leaveInMs = random() * windowMs;
          client.leave(Math.round(random() * windowMs));
          await delay(leaveInMs);
          client.close(RESTART);
        }),
      );
      const deadline = performance.now() + CLOSE_GRACE_MS;
      while (clients.size > 0 && performance.now() < deadline) await delay(10);
      for (const client of clients.keys()) client.terminate();
    },
    stop() {
      clearInterval(positions);
      clearInterval(beats);
    },
  };
}
