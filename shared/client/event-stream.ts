import type { Channel } from '../wire/channels.ts';
import { ArrivalQueue, type QueueLimits } from './arrival-queue.ts';
import { ChannelCursor, positionOf } from './channel-cursor.ts';
import type { RelayItem } from './decode-message.ts';
import { type ConnectionState, type LinkDeps, type LinkRequest, runLink } from './link.ts';
import { createPositionKeeper, type PositionKeeper } from './position-keeper.ts';
import type { PositionStore } from './position-store.ts';

export interface StreamRequest extends Omit<LinkRequest, 'cursors'> {
  readonly channels: readonly Channel[];
  /** Where a channel begins for which the store knows nothing. */
  readonly after: string;
  readonly snapshot: boolean;
  readonly positions: PositionStore | undefined;
  readonly saveEveryMs: number;
  readonly queue: QueueLimits;
  readonly signal: AbortSignal | undefined;
  readonly onState: ((state: ConnectionState) => void) | undefined;
  readonly onCaughtUp: (() => void) | undefined;
}

type Result = IteratorResult<RelayItem, undefined>;

interface Taker {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const DONE: Result = { done: true, value: undefined };

/**
 * The consumer's side: hands out what the link brings, one item at a time, and knows what was dealt with.
 *
 * An item counts as dealt with when the next one is asked for. That moment, and no earlier one, moves the position that is
 * saved; positions that the relay sends between items wait in the same line for their turn.
 *
 * It begins with the first `next()` and ends once: by `return()` (which leaving a `for await` calls), by the signal, or
 * by an error. When it has ended there is no socket, no timer and no listener left.
 */
export class EventStream implements AsyncIterableIterator<RelayItem, undefined> {
  readonly #request: StreamRequest;
  readonly #deps: Pick<LinkDeps, 'api' | 'random'>;
  readonly #queue: ArrivalQueue;
  readonly #keeper: PositionKeeper | null;
  readonly #stopped = new AbortController();
  readonly #takers: Taker[] = [];
  readonly #dealtWith = new Map<Channel, string>();
  readonly #caughtUp = new Set<Channel>();
  #state: ConnectionState = { state: 'connecting', session: 0 };
  #session = 0;
  #current: RelayItem | null = null;
  #link: Promise<void> | null = null;
  #ending: Promise<void> | null = null;
  /** What the consumer is to be told once it has everything that came before. */
  #failure: { readonly error: unknown } | null = null;

  constructor(request: StreamRequest, deps: Pick<LinkDeps, 'api' | 'random'>) {
    this.#request = request;
    this.#deps = deps;
    this.#queue = new ArrivalQueue(request.queue);
    const { positions, saveEveryMs } = request;
    const onError = (error: unknown) => this.#fail(error);
    this.#keeper = positions ? createPositionKeeper(positions, { saveEveryMs, onError }) : null;
  }

  /** How the connection is. It may be away while items are still handed out, and the other way round. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether everything that was there when the present connection began was handed out, on every channel. */
  get isCaughtUp(): boolean {
    return this.#caughtUp.size === this.#request.channels.length;
  }

  /** What is received and not handed out yet. */
  get queued(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#queue.size, bytes: this.#queue.bytes };
  }

  /** Behind the last item that was dealt with; null before the first. To resume from elsewhere, keep this. */
  position(channel: Channel): string | null {
    return this.#dealtWith.get(channel) ?? null;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    this.#start();
    this.#dealWithCurrent();
    const item = this.#take();
    if (item) return Promise.resolve({ done: false, value: item });
    if (this.#ending || this.#failure) return this.#tellEnd();
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** The item that was handed out last does not count as dealt with: nobody asked for another one. */
  async return(): Promise<Result> {
    await this.#end();
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  #start(): void {
    if (this.#link || this.#ending) return;
    const { signal } = this.#request;
    if (signal?.aborted) return void this.#end();
    signal?.addEventListener('abort', this.#onAbort);
    this.#link = this.#run().catch(error => this.#fail(error));
  }

  readonly #onAbort = () => {
    // That the last position could not be saved is told to whoever waits for an item, or asks for one later.
    this.#end().catch(() => {});
  };

  async #run(): Promise<void> {
    const { channels, positions, after, snapshot } = this.#request;
    const cursors = new Map<Channel, ChannelCursor>();
    for (const channel of channels) {
      const kept = await positions?.load(channel);
      const wantsSnapshot = snapshot && channel === 'calls' && !kept;
      cursors.set(channel, new ChannelCursor({ channel, after: kept ?? after, snapshot: wantsSnapshot }));
      if (kept) this.#dealtWith.set(channel, kept);
    }
    const deps: LinkDeps = {
      ...this.#deps,
      queue: this.#queue,
      onArrival: () => this.#feed(),
      onState: state => this.#enter(state),
    };
    await runLink({ ...this.#request, cursors }, deps, this.#stopped.signal);
  }

  #enter(state: ConnectionState): void {
    if (state.state === 'connecting') {
      this.#session = state.session;
      this.#caughtUp.clear();
    }
    this.#state = state;
    this.#request.onState?.(state);
  }

  #feed(): void {
    while (this.#takers.length > 0) {
      const item = this.#take();
      if (!item) return;
      this.#takers.shift()?.resolve({ done: false, value: item });
      if (this.#takers.length > 0) this.#dealWithCurrent();
    }
  }

  /** The next item in line. What stands before it and is none takes effect, because all before that was dealt with. */
  #take(): RelayItem | null {
    for (let arrival = this.#queue.take(); arrival; arrival = this.#queue.take()) {
      const { message, session } = arrival;
      if (message.type !== 'caught_up' && message.type !== 'position') {
        this.#current = message;
        return message;
      }
      if (message.id !== null) this.#moveTo(message.channel as Channel, message.id);
      if (message.type === 'caught_up' && session === this.#session) this.#catchUp(message.channel as Channel);
    }
    return null;
  }

  #catchUp(channel: Channel): void {
    const before = this.isCaughtUp;
    this.#caughtUp.add(channel);
    if (this.isCaughtUp && !before) this.#request.onCaughtUp?.();
  }

  #dealWithCurrent(): void {
    const place = this.#current && positionOf(this.#current);
    this.#current = null;
    if (place) this.#moveTo(place.channel, place.id);
  }

  #moveTo(channel: Channel, id: string): void {
    if (this.#dealtWith.get(channel) === id) return;
    this.#dealtWith.set(channel, id);
    this.#keeper?.moved(channel, id);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stopped.abort();
    // Nobody waits for an item while there is one: whoever waits has everything that came before the failure.
    for (const taker of this.#takers.splice(0)) this.#tellEnd().then(taker.resolve, taker.reject);
  }

  /** The error once, after that only that it is over. */
  async #tellEnd(): Promise<Result> {
    const failure = this.#ending ? null : this.#failure;
    await this.#end(failure?.error);
    if (failure) throw failure.error;
    return DONE;
  }

  #end(error?: unknown): Promise<void> {
    this.#ending ??= this.#close(error);
    return this.#ending;
  }

  async #close(error: unknown): Promise<void> {
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#stopped.abort();
    this.#queue.clear();
    this.#current = null;
    await this.#link;
    try {
      await this.#keeper?.flush();
      this.#announceEnd(error);
      for (const taker of this.#takers.splice(0)) taker.resolve(DONE);
    } catch (unsaved) {
      this.#announceEnd(unsaved);
      for (const taker of this.#takers.splice(0)) taker.reject(unsaved);
      throw unsaved;
    }
  }

  #announceEnd(error: unknown): void {
    if (this.#state.state !== 'closed') this.#enter({ state: 'closed', error });
  }
}
