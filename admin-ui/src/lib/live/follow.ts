import type { Backoff } from './backoff.ts';
import { decodeMessage, type Message } from './messages.ts';
import { type ActiveCalls, Refusal, type RelayApi } from './relay-api.ts';

/**
 * Follows the channel `calls` as any client of the relay would: by position.
 *
 * First the newest events (they give the tail its past and the position to continue from), then the calls with their
 * own position, then page after page behind the first. The calls are read after the events, so their position is never
 * behind: an event up to it is shown but no longer applied to them, and nothing falls between the two answers.
 *
 * After a failure it goes on from the position it had. Nothing is remembered but that string.
 */
export type FollowHandlers = {
  /** What was there before, newest first. Once. */
  onHistory(messages: readonly Message[]): void;
  /** At the start, and again when a gap made the calls that are known worthless. */
  onSnapshot(snapshot: ActiveCalls): void;
  /** In the order of the log. `isBehind`: there is more to read at once. */
  onPage(page: { messages: readonly Message[]; isBehind: boolean }): void;
  onDisconnected(failure: { reason: string; retryInMs: number }): void;
  /** The key is not good (any more). Nothing follows. */
  onRefused(refusal: Refusal): void;
};

export type Follower = {
  /** Tries at once: ends a wait before the next attempt, and puts a connection that may be dead to the test. */
  check(): void;
  stop(): Promise<void>;
};

const HISTORY_EVENTS = 100;
const PAGE_EVENTS = 1_000;
const WAIT_SECONDS = 25;
/** A page at most this often while nothing is due: at 500 events a second a page then holds a hundred, not one. */
const PACE_MS = 200;

export function followCalls(api: RelayApi, handlers: FollowHandlers, backoff: Backoff): Follower {
  const stopped = new AbortController();
  let attempt = new AbortController();
  let position: string | null = null;
  let isSnapshotDue = true;
  let isConnected = false;

  async function readStart(signal: AbortSignal): Promise<string> {
    const { events, head } = await api.events({ order: 'desc', limit: HISTORY_EVENTS }, signal);
    const messages = decode(events);
    handlers.onHistory(messages);
    return messages.find(message => message.id !== null)?.id ?? head ?? 'start';
  }

  async function readOn(signal: AbortSignal): Promise<void> {
    position ??= await readStart(signal);
    if (isSnapshotDue) {
      handlers.onSnapshot(await api.activeCalls(signal));
      isSnapshotDue = false;
    }
    const startedAt = performance.now();
    // The first page after a failure does not wait: it is also the proof that the connection is back.
    const waitSeconds = isConnected ? WAIT_SECONDS : 0;
    const page = await api.events({ after: position, limit: PAGE_EVENTS, waitSeconds }, signal);
    const messages = decode(page.events);
    position = page.next ?? position;
    isSnapshotDue = messages.some(losesCalls);
    isConnected = true;
    backoff.reset();
    handlers.onPage({ messages, isBehind: page.more });
    if (!page.more) await sleep(PACE_MS - (performance.now() - startedAt), signal);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      attempt = new AbortController();
      const signal = AbortSignal.any([stopped.signal, attempt.signal]);
      try {
        await readOn(signal);
      } catch (error) {
        isConnected = false;
        if (signal.aborted) continue;
        if (error instanceof Refusal && error.isFinal) return handlers.onRefused(error);
        const retryInMs = Math.max(backoff.nextMs(), (error instanceof Refusal && error.retryAfterMs) || 0);
        handlers.onDisconnected({ reason: sentenceOf(error), retryInMs });
        await sleep(retryInMs, signal);
      }
    }
  }

  const done = run();
  return {
    check: () => attempt.abort(),
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

/** After an outage of the PBX link the differences follow as events; after any other gap they do not. */
function losesCalls(message: Message): boolean {
  return message.type === 'gap' && message.reason !== 'pbx_disconnected';
}

function decode(events: readonly unknown[]): Message[] {
  const now = Date.now();
  return events.flatMap(raw => decodeMessage(raw, now) ?? []);
}

export function sentenceOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'the relay did not answer in time';
  if (error instanceof SyntaxError) return 'something that is not the relay answered in its place';
  return 'the relay does not answer';
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise(resolve => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake);
  });
}
