import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { type ActiveCall, dnOfDisplay } from '../pbx/xapi/active-calls.ts';
import { missedEvents } from './missed-events.ts';

/**
 * Tells a quiet office from a dead line. A socket may stay open, answer pings and bring nothing any more (3cx.md §1.3).
 * When no frame came for a while, XAPI is asked which calls are up: one of ours that changed clearly after the last
 * frame should have been told, so the socket is given up.
 *
 * The PBX's clock is compared with itself only: how long ago a call changed is the difference of two of its own times.
 * Without XAPI, or without the right to ask, nothing is watched; the regular comparison still finds what was missed.
 */
export interface SilenceWatchDeps {
  readonly socket: {
    readonly state: 'connected' | 'connecting' | 'down';
    readonly openSince: number | null;
    reconnect(why: string): void;
  };
  readonly xapi: {
    readonly circuit: 'closed' | 'half-open' | 'open';
    getActiveCalls(signal?: AbortSignal): Promise<readonly ActiveCall[]>;
  };
  /** Unix ms. */
  readonly lastFrameAt: () => number | null;
  readonly logger: Logger;
  readonly errors?: ErrorSink;
  readonly now?: () => number;
}

/** Frames arrive within a second of the change; what is younger, or as old as the last frame, proves nothing. */
const MARGIN_MS = 3_000;
const ASK_TIMEOUT_MS = 5_000;
const MAX_TICK_MS = 1_000;
/** XAPI forbids the question: it will forbid it again. */
const REFUSED = /^PBX_(LICENCE_MISSING|XAPI_NOT_ENABLED|ROLE_TOO_SMALL|NOT_FOUND|CREDENTIALS_REFUSED|RIGHTS_MISSING)$/;
const REFUSED_PAUSE_MS = 600_000;
/** A new socket that brings no frame either is not the remedy: each one is a gap in the log. */
const REPEAT_FIRST_MS = 60_000;
const REPEAT_MAX_MS = 1_800_000;

export class SilenceWatch {
  readonly #silenceMs: number;
  readonly #deps: SilenceWatchDeps;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #stopped = new AbortController();
  #dns: ReadonlySet<string> = new Set();
  #isAsking = false;
  #askAgainAt = 0;
  #lastReason: string | null = null;
  /** Reconnects for silence since the last frame. */
  #remedies = 0;
  #remedyAgainAt = 0;

  /** `silenceMs` 0 watches nothing. */
  constructor(options: { silenceMs: number }, deps: SilenceWatchDeps) {
    this.#silenceMs = options.silenceMs;
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    const tickMs = Math.min(MAX_TICK_MS, Math.max(10, this.#silenceMs / 3));
    this.#timer = setInterval(() => void this.look(), tickMs);
    if (this.#silenceMs === 0) clearInterval(this.#timer);
  }

  /** The DNs of which the PBX sends frames. */
  monitors(dns: readonly string[]): void {
    this.#dns = new Set(dns);
  }

  /** Asks if it is time to; the timer calls it, and tests. */
  async look(): Promise<void> {
    const { socket, xapi } = this.#deps;
    const askedAt = this.#now();
    const lastSignAt = this.#lastSignAt();
    if (lastSignAt === null || askedAt - lastSignAt < this.#silenceMs) return;
    if (this.#isAsking || askedAt < this.#askAgainAt || this.#dns.size === 0 || xapi.circuit === 'open') return;
    this.#isAsking = true;
    this.#askAgainAt = askedAt + this.#silenceMs;
    try {
      const calls = await xapi.getActiveCalls(
        AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]),
      );
      this.#lastReason = null;
      if (this.#stopped.signal.aborted || this.#lastSignAt() !== lastSignAt) return;
      const untold = calls.find(call => this.#shouldHaveBeenTold(call, askedAt, lastSignAt));
      if (!untold || !this.#mayRemedy()) return;
      const silentMs = this.#now() - lastSignAt;
      announce(this.#deps, missedEvents({ call: untold.id, status: untold.status, silentMs }));
      socket.reconnect(`open but silent for ${Math.round(silentMs / 1_000)} s while calls change`);
    } catch (error) {
      this.#explain(error);
    } finally {
      this.#isAsking = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped.abort();
  }

  /** The last frame, or the opening; null while there is no socket. */
  #lastSignAt(): number | null {
    const { socket, lastFrameAt } = this.#deps;
    if (socket.state !== 'connected' || socket.openSince === null) return null;
    const frameAt = lastFrameAt() ?? 0;
    if (frameAt >= socket.openSince) this.#remedies = 0;
    return Math.max(frameAt, socket.openSince);
  }

  #shouldHaveBeenTold(call: ActiveCall, askedAt: number, lastSignAt: number): boolean {
    if (call.lastChangeAt === null || call.serverNow === null) return false;
    const ageMs = call.serverNow - call.lastChangeAt;
    if (ageMs < MARGIN_MS || askedAt - ageMs < lastSignAt + MARGIN_MS) return false;
    return [call.caller, call.callee].some(display => this.#dns.has(dnOfDisplay(display) ?? ''));
  }

  #mayRemedy(): boolean {
    const now = this.#now();
    if (this.#remedies > 0 && now < this.#remedyAgainAt) return false;
    this.#remedyAgainAt = now + Math.min(REPEAT_MAX_MS, REPEAT_FIRST_MS * 2 ** this.#remedies);
    this.#remedies += 1;
    return true;
  }

  #explain(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (REFUSED.test(code)) this.#askAgainAt = this.#now() + REFUSED_PAUSE_MS;
    const reason = messageOf(error);
    if (reason !== this.#lastReason) this.#deps.logger.info(`the silence of the PBX cannot be checked: ${reason}`);
    this.#lastReason = reason;
  }
}
