import { createBackoff } from './backoff.ts';
import { CallBoard } from './call-board.ts';
import { EventTail } from './event-tail.svelte.ts';
import { type Follower, followCalls } from './follow.ts';
import type { Call, Message } from './messages.ts';
import type { Refusal, RelayApi } from './relay-api.ts';

export type Connection =
  | { readonly state: 'connecting' }
  /** `isBehind`: still reading what happened meanwhile. `awayMs`: how long it was gone before, null if it never was. */
  | { readonly state: 'live'; readonly isBehind: boolean; readonly awayMs: number | null }
  | {
      readonly state: 'disconnected';
      readonly since: number;
      readonly reason: string;
      readonly retryAt: number;
    };

/** At most four renderings a second, however fast events arrive; the first after a quiet time shows at once. */
const RENDER_EVERY_MS = 250;

/** The live calls and events, as state that components read. */
export class Feed {
  connection = $state.raw<Connection>({ state: 'connecting' });
  /** Null until they were read for the first time. */
  calls = $state.raw<readonly Call[] | null>(null);
  /** How far the relay's clock is ahead of this machine's. */
  clockOffsetMs = $state(0);
  readonly tail = new EventTail();

  readonly #board = new CallBoard();
  #follower: Follower | null = null;
  #pending: Message[] = [];
  #isBoardStale = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #renderedAt = Number.NEGATIVE_INFINITY;

  start(api: RelayApi, listener: { onRefused(refusal: Refusal): void; onLostOrBack(): void }): void {
    this.#follower = followCalls(
      api,
      {
        onHistory: messages => this.#receive(messages.toReversed()),
        onSnapshot: snapshot => {
          this.#board.reset(snapshot);
          if (snapshot.asOf !== null) this.clockOffsetMs = snapshot.asOf - Date.now();
          this.#isBoardStale = true;
          this.#schedule();
        },
        onPage: ({ messages, isBehind }) => {
          this.#connected(isBehind, listener.onLostOrBack);
          this.#receive(messages);
        },
        onDisconnected: ({ reason, retryInMs }) => {
          const before = this.connection;
          const since = before.state === 'disconnected' ? before.since : Date.now();
          this.connection = { state: 'disconnected', since, reason, retryAt: Date.now() + retryInMs };
          if (before.state !== 'disconnected') listener.onLostOrBack();
        },
        onRefused: listener.onRefused,
      },
      createBackoff(),
    );
  }

  stop(): void {
    void this.#follower?.stop();
    this.#follower = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Tries at once, or finds out whether the connection is still alive. */
  check(): void {
    this.#follower?.check();
  }

  #connected(isBehind: boolean, onBack: () => void): void {
    const before = this.connection;
    if (before.state === 'live' && before.isBehind === isBehind) return;
    const awayMs =
      before.state === 'disconnected' ? Date.now() - before.since : before.state === 'live' ? before.awayMs : null;
    this.connection = { state: 'live', isBehind, awayMs };
    if (before.state === 'disconnected') onBack();
  }

  #receive(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    for (const message of messages) {
      if (message.type === 'call_event') this.#board.apply(message);
      this.#pending.push(message);
    }
    this.#isBoardStale = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    const waitMs = Math.max(0, this.#renderedAt + RENDER_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => this.#render(), waitMs);
  }

  #render(): void {
    this.#timer = null;
    this.#renderedAt = performance.now();
    this.tail.add(this.#pending);
    this.#pending = [];
    if (!this.#isBoardStale) return;
    this.#isBoardStale = false;
    this.calls = this.#board.list();
  }
}
