import { setTimeout as delay } from 'node:timers/promises';
import type { LogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import { RESTART } from '@3cx-relay/shared/wire/close-codes.ts';
import type { Block } from './block.ts';
import type { ClientOwner } from './client-owner.ts';
import type { LiveClient } from './live-client.ts';
import type { Subscription } from './subscription.ts';

/** Everyone who is connected: hands them what the tail reads, keeps their positions fresh, and says goodbye. */
export interface Hub {
  readonly size: number;
  add(client: LiveClient, owner: ClientOwner): void;
  remove(client: LiveClient): void;
  clients(): Iterable<LiveClient>;
  owners(): Iterable<readonly [LiveClient, ClientOwner]>;
  /** Hands it what comes on this channel, for as long as it has a subscription there. One that has left gets nothing. */
  follow(client: LiveClient, channel: Channel): void;
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
  /** By channel, so that an entry of a channel that few read costs nothing for each of thousands who do not. */
  const followers = new Map<Channel, Set<LiveClient>>(CHANNELS.map(channel => [channel, new Set()]));
  const idleMs = options.heartbeatMs / 2;
  const positions = setInterval(() => {
    for (const client of clients.keys())
      for (const subscription of client.subscriptions.values()) subscription.sendPosition(idleMs);
  }, idleMs);
  const beats = setInterval(() => {
    for (const client of clients.keys()) client.beat();
  }, options.heartbeatMs);

  function* subscriptionsOf(channel: Channel): Generator<Subscription> {
    const following = followers.get(channel) ?? new Set();
    for (const client of following) {
      const subscription = client.subscriptions.get(channel);
      if (subscription) yield subscription;
      else following.delete(client);
    }
  }

  return {
    get size() {
      return clients.size;
    },
    add: (client, owner) => void clients.set(client, owner),
    remove(client) {
      clients.delete(client);
      for (const following of followers.values()) following.delete(client);
    },
    clients: () => clients.keys(),
    owners: () => clients,
    follow(client, channel) {
      if (clients.has(client)) followers.get(channel)?.add(client);
    },
    onBlock(channel, block) {
      for (const subscription of subscriptionsOf(channel)) subscription.onBlock(block);
    },
    onReset(channel, info) {
      for (const subscription of subscriptionsOf(channel)) subscription.onReset(info);
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
