import { createRelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { createContext } from 'svelte';
import { Clock } from './clock.svelte.ts';
import { Feed } from './live/feed.svelte.ts';
import { HealthWatch } from './live/health-watch.svelte.ts';
import type { Session } from './session/session.svelte.ts';

/** Waits that a person in front of a screen finds short. */
const RECONNECT = { firstMs: 500, maxMs: 8_000 };

/** What every page of the panel stands on while somebody is signed in: the live data and the relay's health. */
export class Panel {
  readonly clock = new Clock();
  readonly health = new HealthWatch();
  /** Null while nobody is signed in. */
  feed = $state.raw<Feed | null>(null);
  /** Reads the log as whoever is signed in. */
  readonly client: ReturnType<typeof createRelayClient>;
  /** What stands in front of `relay/`, with its slash. */
  readonly relayUrl: string;
  readonly #session: Session;

  constructor(session: Session, relayUrl: string) {
    this.#session = session;
    this.relayUrl = relayUrl;
    this.client = createRelayClient({
      url: relayUrl,
      reconnect: RECONNECT,
      ticket: async () => (await session.api.post<{ ticket: string }>('tickets')).ticket,
    });
  }

  start(): void {
    this.clock.start();
  }

  stop(): void {
    this.clock.stop();
    this.leave();
  }

  /** Somebody has signed in. */
  enter(): void {
    const feed = new Feed();
    feed.start(this.client, {
      // Whether it was the session that ended is for the session to say.
      onRefused: () => void this.#session.start(),
      onLostOrBack: () => this.health.check(),
    });
    this.feed = feed;
    // Each learns from the other: a dead line, or a long wait before the next attempt, ends at once.
    this.health.start(this.#session.api.href('relay/health'), isReachable => {
      const state = this.feed?.connection.state;
      if (isReachable ? state === 'disconnected' : state === 'live') this.feed?.check();
    });
  }

  leave(): void {
    this.health.stop();
    this.feed?.stop();
    this.feed = null;
  }
}

export const [getPanel, setPanel] = createContext<Panel>();
