import { createContext } from 'svelte';
import { Clock } from './clock.svelte.ts';
import type { KeyStore } from './key-store.ts';
import { Feed } from './live/feed.svelte.ts';
import { sentenceOf } from './live/follow.ts';
import { HealthWatch } from './live/health-watch.svelte.ts';
import { createRelayApi, Refusal } from './live/relay-api.ts';

/** What every page of the panel stands on: the key, the relay's health, and the live data while there is a key. */
export class Panel {
  readonly clock = new Clock();
  readonly health = new HealthWatch();
  /** Null while there is no key. */
  feed = $state.raw<Feed | null>(null);
  /** Why a key that was used is not used any more. */
  refusal = $state<string | null>(null);
  readonly #relayUrl: string;
  readonly #keys: KeyStore;

  constructor(relayUrl: string, keys: KeyStore) {
    this.#relayUrl = relayUrl;
    this.#keys = keys;
  }

  start(): void {
    this.clock.start();
    this.#use(this.#keys.read());
  }

  stop(): void {
    this.clock.stop();
    this.health.stop();
    this.feed?.stop();
  }

  /** Null when the key is good; else the sentence that says why not. */
  async signIn(key: string): Promise<string | null> {
    try {
      await createRelayApi(this.#relayUrl, key).activeCalls(new AbortController().signal);
    } catch (error) {
      return explain(error);
    }
    this.#keys.write(key);
    this.#use(key);
    return null;
  }

  signOut(): void {
    this.#keys.write(null);
    this.#use(null);
  }

  #use(key: string | null): void {
    const api = createRelayApi(this.#relayUrl, key);
    this.feed?.stop();
    this.feed = null;
    this.refusal = null;
    if (key !== null) {
      const feed = new Feed();
      feed.start(api, {
        onRefused: refusal => {
          this.signOut();
          this.refusal = explain(refusal);
        },
        onLostOrBack: () => this.health.check(),
      });
      this.feed = feed;
    }
    // Each learns from the other: a long poll over a dead line, or a long wait before the next attempt, ends at once.
    this.health.start(api, isReachable => {
      const state = this.feed?.connection.state;
      if (isReachable ? state === 'disconnected' : state === 'live') this.feed?.check();
    });
  }
}

export const [getPanel, setPanel] = createContext<Panel>();

function explain(error: unknown): string {
  if (error instanceof Refusal && error.status === 401) {
    return 'The relay does not accept this key. It may be mistyped, revoked or expired.';
  }
  if (error instanceof Refusal && error.status === 403) {
    return 'This key may not read calls: the panel needs a key with the permission “read”.';
  }
  return `The key could not be checked: ${sentenceOf(error)}.`;
}
