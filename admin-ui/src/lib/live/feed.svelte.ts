import type { RelayItem } from '@3cx-relay/shared/client/decode-message.ts';
import type { RelayClient } from '@3cx-relay/shared/client/relay-client.ts';
import { CallBoard } from './call-board.ts';
import { type Connection, type Follower, follow } from './follow.ts';
import { type Call, decodeCall, decodeMessage, field, type GapMessage } from './messages.ts';
import { addNewErrors, decodeNewError, type NewError, type NewErrors, NO_NEW_ERRORS } from './new-errors.ts';

/** At most four renderings a second, however fast events arrive; the first after a quiet time shows at once. */
const RENDER_EVERY_MS = 250;

/** What every page shows of now: how the panel is connected, the calls, and how many errors came since. */
export class Feed {
  connection = $state.raw<Connection>({ state: 'connecting' });
  /** Null until they were read for the first time. */
  calls = $state.raw<readonly Call[] | null>(null);
  /** What is missing since the connection was last lost; null when nothing is. */
  gap = $state.raw<GapMessage | null>(null);
  /** Counts the changes of components, for those who then read more. */
  healthChanges = $state(0);
  errors = $state.raw<NewErrors>(NO_NEW_ERRORS);
  readonly #board = new CallBoard();
  #follower: Follower | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #renderedAt = Number.NEGATIVE_INFINITY;
  #pendingHealth = 0;
  #pendingErrors: NewError[] = [];
  #isBoardKnown = false;

  start(client: RelayClient, listener: { onRefused(error: unknown): void; onLostOrBack(): void }): void {
    this.#follow(client, listener);
  }

  stop(): void {
    this.#follower?.stop();
    this.#follower = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Tries at once, or finds out whether the connection is still alive. */
  check(): void {
    this.#follower?.check();
  }

  #follow(client: RelayClient, listener: { onRefused(error: unknown): void; onLostOrBack(): void }): void {
    const restart = () => {
      // The calls that are known are worthless: begin again with all of them.
      this.#follower?.stop();
      this.#follow(client, listener);
    };
    this.#follower = follow(
      client,
      { channels: ['calls', 'health', 'errors'], snapshot: true },
      {
        onItem: item => this.#take(item, restart),
        onConnection: connection => {
          const wasLost = this.connection.state === 'disconnected';
          if (!wasLost && connection.state === 'disconnected') this.gap = null;
          this.connection = connection;
          if (wasLost !== (connection.state === 'disconnected')) listener.onLostOrBack();
        },
        onRefused: listener.onRefused,
      },
    );
  }

  #take(item: RelayItem, restart: () => void): void {
    switch (item.type) {
      case 'snapshot':
        this.#board.reset({ position: item.id, calls: item.calls.flatMap(call => decodeCall(call) ?? []) });
        this.#isBoardKnown = true;
        break;
      case 'call_event': {
        const message = decodeMessage(item, Date.now());
        if (message?.type === 'call_event') this.#board.apply(message);
        break;
      }
      case 'gap':
        this.#takeGap(item);
        // After an outage of the PBX link the differences follow as events; after any other gap they do not.
        if (item.channel === 'calls' && item.reason !== 'pbx_disconnected') {
          restart();
          return;
        }
        break;
      case 'health':
        if (field(item, 'event') === 'health.state_change') this.#pendingHealth += 1;
        break;
      case 'error_event':
        this.#takeError(item);
        break;
      default:
    }
    this.#schedule();
  }

  #takeError(item: RelayItem): void {
    const error = decodeNewError(item);
    if (error) this.#pendingErrors.push(error);
  }

  #takeGap(item: RelayItem): void {
    const gap = decodeMessage(item, Date.now());
    if (gap?.type === 'gap') this.gap = gap;
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    const waitMs = Math.max(0, this.#renderedAt + RENDER_EVERY_MS - performance.now());
    this.#timer = setTimeout(() => this.#render(), waitMs);
  }

  #render(): void {
    this.#timer = null;
    this.#renderedAt = performance.now();
    if (this.#isBoardKnown) this.calls = this.#board.list();
    this.healthChanges += this.#pendingHealth;
    this.#pendingHealth = 0;
    if (this.#pendingErrors.length > 0) this.errors = addNewErrors(this.errors, this.#pendingErrors);
    this.#pendingErrors = [];
  }
}
