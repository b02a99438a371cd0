import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LiveClient, Place } from '../live/live-client.ts';
import type { OnWrite } from '../live/outlet.ts';
import type { SendBudget } from '../live/send-budget.ts';
import { SocketQueue } from '../live/socket-queue.ts';
import { nextCursor } from './stream-cursor.ts';
import type { StreamChunk, StreamSource } from './stream-source.ts';

/** A sign of life that clients skip and proxies see. */
const COMMENT = Buffer.from(':\n\n');
const DATA_EVENT = Buffer.from('event: data\n');
const EVENT_END = Buffer.from('\n');

/**
 * One client of `live=sse`: every `data` event is followed by a `control` event that says where the client stands.
 *
 * One loop reads, writes, and reads on when the socket has taken everything, so that nothing is read twice whatever
 * wakes it, and a slow client costs the one write it has not taken yet.
 */
export class StreamConnection implements LiveClient {
  readonly session = randomUUID();
  readonly transport = 'sse';
  /** It keeps its own place: nothing is pushed to it. */
  readonly subscriptions = new Map<never, never>();
  readonly #response: ServerResponse;
  readonly #source: StreamSource;
  readonly #deps: { budget: SendBudget; stallMs: number; onWrite: OnWrite };
  readonly #queue: SocketQueue;
  readonly #left = new AbortController();
  readonly #followed: Omit<Place, 'position'>;
  #cursor: string;
  /** Where the client stands, and what the last control event told it. */
  #next = '';
  #told: { next: string; isUpToDate: boolean } | null = null;

  /** `response` has its headers sent, on `socket`; `cursor` is the client's, if it has one; `onClose` is called once. */
  constructor(
    response: ServerResponse,
    socket: Socket,
    source: StreamSource,
    deps: {
      budget: SendBudget;
      stallMs: number;
      onWrite: OnWrite;
      onClose: () => void;
      cursor: string | null;
      followed: Omit<Place, 'position'>;
    },
  ) {
    this.#response = response;
    this.#source = source;
    this.#deps = deps;
    this.#followed = deps.followed;
    this.#queue = new SocketQueue(response, socket, deps.budget);
    this.#cursor = nextCursor(deps.cursor);
    response.on('close', () => {
      this.#left.abort();
      this.#queue.close();
      deps.onClose();
    });
  }

  get place(): Place {
    return { ...this.#followed, position: this.#next };
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  get #isOver(): boolean {
    return this.#left.signal.aborted || this.#response.writableEnded;
  }

  /** Sends `first` and what comes after it, until `lifeMs` are over, something is gone, or the log cannot be read. */
  async follow(first: StreamChunk, lifeMs: number): Promise<void> {
    const endAt = performance.now() + lifeMs;
    let chunk: StreamChunk | null = first;
    try {
      while (chunk && !this.#isOver) {
        this.#tell(chunk);
        await this.#queue.whenIdle();
        chunk = await this.#readOn(chunk, endAt);
      }
      if (!this.#isOver && this.#told?.next !== this.#next) this.#write(this.#control(false), 0);
    } finally {
      // It comes back with its offset, and is then told in an answer of its own what there is to say.
      this.#response.end();
    }
  }

  async #readOn(chunk: StreamChunk, endAt: number): Promise<StreamChunk | null> {
    const leftMs = endAt - performance.now();
    if (leftMs <= 0) return null;
    if (chunk.isUpToDate) {
      const wait = { ms: leftMs, signal: this.#left.signal, isConnection: true };
      if ((await this.#source.waitBeyond(chunk.next, wait)) !== 'grown') return null;
    }
    const found = await this.#source.read(chunk.next, { maxBytes: this.#deps.budget.maxBytes(), isFresh: false });
    return found.kind === 'chunk' ? found : null;
  }

  /** What the filter kept back is told at the next beat, but that nothing is left to read at once. */
  #tell({ parts, count, next, isUpToDate }: StreamChunk): void {
    this.#next = next;
    const isNews = isUpToDate && !this.#told?.isUpToDate;
    if (parts.length === 0) {
      if (isNews) this.#write(this.#control(true), 0);
      return;
    }
    const data = [DATA_EVENT, this.#source.format.toDataLines(parts), EVENT_END];
    this.#write(Buffer.concat([...data, this.#control(isUpToDate)]), count);
  }

  #control(isUpToDate: boolean): Buffer {
    const next = this.#next;
    this.#told = { next, isUpToDate };
    // Later than the one before when an interval has passed, and never earlier.
    const current = nextCursor(null);
    if (Number(current) > Number(this.#cursor)) this.#cursor = current;
    const control = { streamNextOffset: next, streamCursor: this.#cursor, ...(isUpToDate ? { upToDate: true } : {}) };
    return Buffer.from(`event: control\ndata:${JSON.stringify(control)}\n\n`);
  }

  #write(bytes: Buffer, count: number): void {
    if (this.#isOver) return;
    this.#queue.write(bytes);
    this.#deps.onWrite(count, bytes.length);
  }

  beat(): void {
    if (this.#isOver) return;
    if (this.#queue.stalledMs() >= this.#deps.stallMs) this.terminate();
    else if (this.#queue.isIdle) this.#showLife();
  }

  /** Keeps the offset of a client that gets nothing fresh. */
  #showLife(): void {
    if (this.#told && this.#told.next !== this.#next) this.#write(this.#control(this.#told.isUpToDate), 0);
    else this.#queue.write(COMMENT);
  }

  /** The protocol has no word for it: the close that follows brings the client back. */
  leave(): void {}

  close(): void {
    this.#response.end();
  }

  terminate(): void {
    this.#response.destroy();
  }
}
