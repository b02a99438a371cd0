import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { EarlierRun } from '../earlier-run.ts';
import type { CallControlWebSocket, SocketNews } from '../pbx/callcontrol/callcontrol-websocket.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';
import { sampleOf } from './entry-body.ts';
import { parseFrame } from './frame.ts';
import type { OrderedWindow } from './ordered-window.ts';
import type { Pipeline } from './pipeline.ts';
import { SequenceWatch } from './sequence-watch.ts';

/**
 * Turns what the connection tells into what the pipeline takes: gap, snapshot and frames, in this order for each
 * connection.
 *
 * A gap begins when the last frame that arrived was sent, not at the moment the loss was noticed: what the PBX sent in
 * between may have died in the socket; and not when it was read, where this process stood still. It ends when the PBX was heard on the new socket, because from then on frames are
 * kept.
 */
export interface PbxFeedDeps {
  readonly socket: CallControlWebSocket;
  readonly pipeline: Pipeline;
  readonly reconciler: Reconciler;
  readonly window: OrderedWindow;
  readonly logger: Logger;
  readonly earlier: EarlierRun;
  /** What happened in it is to be recovered; Unix ms. */
  readonly onOutage: (outage: { from: number; to: number }) => void;
  readonly maxWindowBytes: number;
}

/** So long a frame may have been under way and in our own queue when it was read; the PBX does not say when it sent it. */
const MAX_TRAVEL_MS = 1_000;

export class PbxFeed {
  readonly #deps: PbxFeedDeps;
  readonly #sequence = new SequenceWatch();
  /** What is missing since when, until the next connection opens. */
  #outage: { from: number | null; detail: string } | null;
  #openedAt = 0;
  #isPaused = false;

  constructor(deps: PbxFeedDeps) {
    this.#deps = deps;
    const { isAny, writtenUntil } = deps.earlier;
    const from = writtenUntil === null ? null : writtenUntil - MAX_TRAVEL_MS;
    this.#outage = isAny ? { from, detail: 'ingest was started; it was not connected before' } : null;
    deps.socket.subscribe(news => this.#take(news));
  }

  /** Unix ms of the last frame; null before the first. */
  lastFrameAt: number | null = null;

  #take(news: SocketNews): void {
    switch (news.kind) {
      case 'open':
        this.#opened(news.at);
        break;
      case 'frame':
        this.#frame(news.raw, news.at);
        break;
      case 'unreadable':
        this.#received(news.at);
        this.#unreadable(news.reason, news.bytes);
        break;
      case 'lost':
        this.#lost(news);
        break;
      case 'refused':
        break;
    }
  }

  #opened(at: number): void {
    if (this.#outage) {
      const { from } = this.#outage;
      const to = Math.max(at, from ?? at);
      this.#deps.pipeline.gap(at, { ...this.#outage, to });
      if (from !== null) this.#deps.onOutage({ from, to });
    }
    this.#outage = null;
    this.#openedAt = at;
    this.#sequence.reset();
    this.#deps.reconciler.connected();
  }

  #lost({ detail, lateSince }: Extract<SocketNews, { kind: 'lost' }>): void {
    this.#isPaused = false;
    const sentAt = Math.min(this.lastFrameAt ?? 0, lateSince ?? Number.POSITIVE_INFINITY);
    // Before the socket opened nothing is missing: the snapshot was taken after it.
    const from = Math.max(this.#openedAt, sentAt - MAX_TRAVEL_MS);
    this.#outage = { from, detail };
    this.#deps.reconciler.disconnected();
    this.#deps.pipeline.enqueue(() => this.#deps.pipeline.stopWatching());
  }

  #frame(raw: string, at: number): void {
    this.#received(at);
    const parsed = parseFrame(raw);
    if ('unreadable' in parsed) {
      this.#unreadable(parsed.unreadable, Buffer.from(raw));
      return;
    }
    const { frame } = parsed;
    const { isHole, report } = this.#sequence.observe(frame.sequence, at);
    if (report) {
      const message = `the PBX's own frame numbers skipped ${report.missing} in ${report.holes} places`;
      this.#deps.pipeline.report({ severity: 'warning', message, details: { ...report } });
    }
    if (isHole) this.#deps.reconciler.soon();
    this.#deps.pipeline.accept(frame, at);
    this.#bound();
  }

  #unreadable(reason: string, bytes: Buffer): void {
    this.#deps.pipeline.unreadable({ reason, ...sampleOf(bytes) });
    // Nobody knows what it would have said.
    this.#deps.reconciler.soon();
  }

  #received(at: number): void {
    this.lastFrameAt = at;
    this.#deps.reconciler.noteFrame();
  }

  /** Too many bytes wait: TCP holds the rest back at the PBX until half of them are gone. */
  #bound(): void {
    const { window, socket, maxWindowBytes, logger } = this.#deps;
    if (this.#isPaused || window.bytes < maxWindowBytes) return;
    this.#isPaused = true;
    logger.warn({ bytes: window.bytes }, 'more frames arrive than can be asked for: reading is paused');
    socket.pauseReading();
    const timer = setInterval(() => {
      if (this.#isPaused && window.bytes > maxWindowBytes / 2) return;
      clearInterval(timer);
      this.#isPaused = false;
      socket.resumeReading();
    }, 20);
  }
}
