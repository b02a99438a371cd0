import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { SendBudget } from './send-budget.ts';

const NOTHING = Buffer.alloc(0);

/** What one client's socket has taken from us and not yet handed to the kernel. */
export class SocketQueue {
  readonly #stream: Writable;
  readonly #socket: Socket;
  readonly #budget: SendBudget;
  readonly #waiting: (() => void)[] = [];
  readonly #onFlushed = () => this.#settle();
  #isProbing = false;
  /** Of the budget: what waited when this was last looked at. */
  #counted = 0;
  /** Bytes that the kernel had taken at the last look, and when it last took some or nothing waited. */
  #takenBytes = 0;
  #takenAt = performance.now();

  /** `stream` is written to: `socket` itself, or the HTTP response on it. */
  constructor(stream: Writable, socket: Socket, budget: SendBudget) {
    this.#stream = stream;
    this.#socket = socket;
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#stream.writableLength;
  }

  get isIdle(): boolean {
    return this.#stream.writableLength === 0;
  }

  /** Ms for which nothing was taken of what waits; looked at now and then, as exact as the looks are frequent. */
  stalledMs(isBusy = !this.isIdle): number {
    const taken = this.#socket.bytesWritten - this.#socket.writableLength;
    if (!isBusy || taken > this.#takenBytes) this.#takenAt = performance.now();
    this.#takenBytes = taken;
    return performance.now() - this.#takenAt;
  }

  write(bytes: Buffer): void {
    this.#stream.write(bytes, this.#onFlushed);
    // The kernel takes most writes at once: then nothing waits, and there is nothing to count.
    if (this.#stream.writableLength > 0 && this.#stream.writableCorked === 0) this.#count();
  }

  cork(): void {
    this.#stream.cork();
  }

  uncork(): void {
    this.#stream.uncork();
    this.#count();
  }

  async whenIdle(): Promise<void> {
    if (this.isIdle || this.#stream.destroyed) return;
    const idle = new Promise<void>(resolve => this.#waiting.push(resolve));
    this.#probe();
    await idle;
  }

  /** The socket is gone: nobody waits for it any more. */
  close(): void {
    this.#budget.release(this.#counted);
    this.#counted = 0;
    this.#wake();
  }

  #settle(): void {
    this.#count();
    if (this.isIdle) this.#wake();
    else if (this.#waiting.length > 0) this.#probe();
  }

  /**
   * Others write to the same socket (pings, headers) and tell us nothing: nothing, written last, is flushed last. Behind
   * its end nothing may be written at all, and `close` comes.
   */
  #probe(): void {
    if (this.#isProbing || this.#stream.writableEnded) return;
    this.#isProbing = true;
    this.#stream.write(NOTHING, () => {
      this.#isProbing = false;
      this.#settle();
    });
  }

  #count(): void {
    const now = this.#stream.destroyed ? 0 : this.#stream.writableLength;
    this.#budget.add(now - this.#counted);
    this.#counted = now;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
