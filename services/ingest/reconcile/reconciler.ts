import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { type Backoff, createBackoff, sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { Enricher } from '../frames/enrich.ts';
import type { OrderedWindow } from '../frames/ordered-window.ts';
import type { Pipeline } from '../frames/pipeline.ts';
import type { CallControlApi } from '../pbx/callcontrol/callcontrol-api.ts';
import { missedEvents } from './missed-events.ts';

/**
 * Compares the model with the PBX: after each connect, and then from time to time.
 *
 * After a connect the snapshot has a place of its own in the window, between the gap and the first frame of the new
 * connection. Frames that come meanwhile wait behind it, and their GETs wait, too: an answer from before the snapshot,
 * applied after it, would take a call a step back.
 *
 * A later snapshot races with frames. Whatever a frame touched between the request and the moment the comparison is
 * applied is left alone, because the frame's own GET is at least as recent; what is left was missed. There is one
 * comparison at a time: of two each would know a part of what frames touched, and a PBX that takes long to answer would
 * be asked once more every second. What is missed while one is on its way is for the one after it.
 */
export interface ReconcilerOptions {
  readonly everyMs: number;
  readonly snapshotDeadlineMs: number;
  readonly getDeadlineMs: number;
}

export interface ReconcilerDeps {
  readonly api: CallControlApi;
  readonly pipeline: Pipeline;
  readonly enricher: Enricher;
  readonly window: OrderedWindow;
  readonly logger: Logger;
  readonly errors?: ErrorSink;
  /** A live connection told nothing of what the snapshot shows: it is open but silent. */
  readonly onSilence: () => void;
}

/** Frames that the PBX sent before it answered the snapshot may arrive after it, on the other connection. */
const SETTLE_MS = 300;
/**
 * A frame without its entity asks for a comparison; a storm of them asks for one. Sooner than the grace ends: a
 * participant that a GET did not find may be there after all, and its call must not end.
 */
const SOON_MS = 1_200;
/** A PBX that does not show its calls is asked again ever later: to list them all is the dearest thing it can be asked. */
const RETRY_MAX_MS = 10_000;
const NOTHING_TOUCHED: ReadonlySet<string> = new Set();

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #deps: ReconcilerDeps;
  #connection: AbortController | null = null;
  /** The connection that a comparison is on its way for. */
  #comparing: AbortSignal | null = null;
  #isWantedAgain = false;
  #isAfterGap = false;
  #framesSeen = 0;
  #framesCompared = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  readonly #retry: Backoff;
  #error: string | null = null;
  #isTold = false;
  /** DNs of the last snapshot. */
  #shown: ReadonlySet<string> = new Set();
  #refusalsCountFrom = 0;

  constructor(options: ReconcilerOptions, deps: ReconcilerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#retry = createBackoff({ firstMs: 2 * SOON_MS, maxMs: Math.min(RETRY_MAX_MS, options.everyMs) });
  }

  /** Why the PBX does not show its calls, as a sentence; null when it does. */
  get error(): string | null {
    return this.#error;
  }

  /** A socket has opened; call it after the gap was put into the window and before its first frame. */
  connected(): void {
    this.disconnected();
    const connection = new AbortController();
    this.#connection = connection;
    this.#isAfterGap = true;
    this.#retry.reset();
    void this.#takeFirstSnapshot(connection.signal);
  }

  disconnected(): void {
    this.#connection?.abort();
    this.#connection = null;
    this.#comparing = null;
    clearTimeout(this.#timer);
    this.#dueAt = 0;
  }

  noteFrame(): void {
    this.#framesSeen += 1;
  }

  /** Something was missed: compare soon rather than at the next regular time, unless that is being tried already. */
  soon(): void {
    const connection = this.#connection?.signal;
    if (!connection) return;
    if (this.#comparing === connection) this.#isWantedAgain = true;
    else if (this.#retry.attempts === 0) this.#schedule(connection, SOON_MS);
  }

  /**
   * The PBX forbids a participant. What it forbids it mostly forbids again; of a DN that it shows it may have been a
   * passing fault, for which it is asked once between two regular times.
   */
  refused(dn: string): void {
    const now = performance.now();
    if (!this.#shown.has(dn) || now < this.#refusalsCountFrom) return;
    this.#refusalsCountFrom = now + this.#options.everyMs;
    this.soon();
  }

  async #takeFirstSnapshot(connection: AbortSignal): Promise<void> {
    const { pipeline, enricher, window } = this.#deps;
    const { snapshotDeadlineMs, getDeadlineMs } = this.#options;
    this.#begin(connection);
    const settle = pipeline.reserve(snapshotDeadlineMs);
    const touched = pipeline.watchTouched();
    enricher.pause();
    const snapshot = await this.#getSnapshot(connection);
    window.postponeUntil(performance.now() + getDeadlineMs);
    enricher.resume();
    if (snapshot && !connection.aborted) {
      this.#isAfterGap = false;
      settle(() => pipeline.applySnapshot(snapshot, { isAfterGap: true, touched: NOTHING_TOUCHED }));
      this.#succeed(connection, this.#options.everyMs);
    } else {
      // Lost again before anybody looked: whether a call that everybody left is over is still not known.
      const isLost = connection.aborted;
      settle(() => (isLost ? undefined : pipeline.watchAgain()));
      if (!isLost) this.#fail(connection, touched);
    }
  }

  #begin(connection: AbortSignal): void {
    this.#comparing = connection;
    this.#isWantedAgain = false;
    this.#dueAt = 0;
  }

  #succeed(connection: AbortSignal, waitMs: number): void {
    this.#comparing = null;
    this.#schedule(connection, this.#isWantedAgain ? SOON_MS : waitMs);
  }

  #fail(connection: AbortSignal, touched?: ReadonlySet<string>): void {
    this.#comparing = null;
    this.#schedule(connection, this.#retry.next(), touched);
  }

  /** `touched`: already being watched since the connect, whose own snapshot failed. */
  #schedule(connection: AbortSignal, waitMs: number, touched?: ReadonlySet<string>): void {
    const dueAt = performance.now() + waitMs;
    const isSooner = this.#dueAt <= performance.now() || dueAt < this.#dueAt;
    if (!isSooner) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => void this.#compare(connection, touched), waitMs);
  }

  async #compare(connection: AbortSignal, watched?: ReadonlySet<string>): Promise<void> {
    if (connection.aborted) return;
    const { pipeline, onSilence } = this.#deps;
    this.#begin(connection);
    const isAfterGap = this.#isAfterGap;
    const touched = isAfterGap && watched ? watched : pipeline.watchTouched();
    const snapshot = await this.#getSnapshot(connection);
    if (connection.aborted) return;
    if (!snapshot) return this.#fail(connection, isAfterGap ? touched : undefined);
    await sleep(SETTLE_MS, connection);
    if (connection.aborted) return;
    pipeline.enqueue(() => {
      const differences = pipeline.applySnapshot(snapshot, { isAfterGap, touched });
      // Lost while frames before it were waited for: the next connection has a gap and a snapshot of its own.
      if (connection.aborted) return;
      this.#isAfterGap = false;
      const isSilent = this.#framesSeen === this.#framesCompared;
      this.#framesCompared = this.#framesSeen;
      const isNews = differences > 0 && !isAfterGap;
      this.#succeed(connection, isNews && !isSilent ? SOON_MS : this.#options.everyMs);
      if (!isNews) return;
      announce(this.#deps, missedEvents({ differences, isSilent }));
      // One frame may have been lost; changes without any frame since the last look, and the line is dead.
      if (isSilent) onSilence();
    });
  }

  async #getSnapshot(connection: AbortSignal) {
    const deadline = AbortSignal.timeout(this.#options.snapshotDeadlineMs);
    try {
      const snapshot = await this.#deps.api.getSnapshot(AbortSignal.any([connection, deadline]));
      this.#shown = new Set(snapshot.dns);
      if (this.#isTold) this.#tell('info', 'the PBX shows its calls again');
      this.#isTold = false;
      this.#error = null;
      this.#retry.reset();
      return snapshot;
    } catch (error) {
      // Given up with its connection, which says nothing of the PBX.
      if (connection.aborted) return null;
      const message = messageOf(error);
      if (message !== this.#error) {
        this.#isTold = true;
        this.#tell('error', `the PBX does not show its calls, what was missed cannot be repaired: ${message}`);
      }
      this.#error = message;
      return null;
    }
  }

  #tell(severity: 'error' | 'info', message: string): void {
    announce(this.#deps, { component: 'callcontrol', severity, message });
  }
}
