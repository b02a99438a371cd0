import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { type ClientMessage, clientMessage, firstIssue } from '@3cx-relay/shared/wire/client-messages.ts';
import { type CloseVerdict, LIMIT, PROTOCOL_ERROR } from '@3cx-relay/shared/wire/close-codes.ts';
import type { WebSocket } from 'ws';
import type { Encoding } from './encoding.ts';
import type { LiveClient } from './live-client.ts';
import type { OnWrite, Outlet } from './outlet.ts';
import type { SendBudget } from './send-budget.ts';
import { SocketQueue } from './socket-queue.ts';
import type { Subscription } from './subscription.ts';
import { framed } from './text-frame.ts';

export interface ConnectionLimits {
  readonly messagesPerSecond: number;
  /** Refused messages before the connection is closed. */
  readonly refusedMessages: number;
  /** How long a client may take nothing of what waits for it. */
  readonly stallMs: number;
}

export interface ConnectionDeps {
  readonly encoding: Encoding;
  readonly limits: ConnectionLimits;
  readonly budget: SendBudget;
  readonly logger: Logger;
  readonly onWrite: OnWrite;
}

const MAX_UNANSWERED_PINGS = 2;
/** Messages that may wait to be carried out before no more is read from the socket. */
const MAX_WAITING_MESSAGES = 16;

/** One WebSocket client: its socket, its subscriptions, and the manners expected of both sides. */
export class Connection implements Outlet, LiveClient {
  readonly session = randomUUID();
  readonly transport = 'ws';
  readonly subscriptions = new Map<Channel, Subscription>();
  readonly encoding: Encoding;
  readonly #ws: WebSocket;
  readonly #queue: SocketQueue;
  readonly #budget: SendBudget;
  readonly #limits: ConnectionLimits;
  readonly #logger: Logger;
  readonly #onWrite: OnWrite;
  #isClosed = false;
  /** Pings since the client last answered or said anything. */
  #unanswered = 0;
  #refused = 0;
  /** Token bucket of client messages. */
  #tokens: number;
  #tokensAt = performance.now();
  /**
   * Messages are carried out one after the other, in the order they came, and each when the client has taken what the ones
   * before were answered with: who asks and does not read must not gather answers here.
   */
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(ws: WebSocket, socket: Socket, deps: ConnectionDeps) {
    this.encoding = deps.encoding;
    this.#ws = ws;
    this.#queue = new SocketQueue(socket, socket, deps.budget);
    this.#budget = deps.budget;
    this.#limits = deps.limits;
    this.#onWrite = deps.onWrite;
    this.#logger = deps.logger;
    this.#tokens = deps.limits.messagesPerSecond;
    ws.on('pong', () => {
      this.#unanswered = 0;
    });
    ws.on('error', err => this.#logger.debug({ err, session: this.session }, 'socket error'));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** `handle` is called for each valid message, one at a time; `onClose` once. */
  listen(handle: (message: ClientMessage) => Promise<void> | void, onClose: () => void): void {
    this.#ws.on('message', (data, isBinary) => {
      this.#unanswered = 0;
      if (!this.#takeToken()) return this.close(LIMIT);
      const message = this.#parse(String(data), isBinary);
      if (!message) return;
      this.#waiting += 1;
      if (this.#waiting >= MAX_WAITING_MESSAGES) this.#ws.pause();
      this.#work = this.#work.then(() => this.#carryOut(message, handle));
    });
    this.#ws.on('close', () => {
      this.#isClosed = true;
      for (const subscription of this.subscriptions.values()) subscription.end();
      this.#queue.close();
      onClose();
    });
  }

  async #carryOut(message: ClientMessage, handle: (message: ClientMessage) => Promise<void> | void): Promise<void> {
    try {
      await this.whenIdle();
      await handle(message);
    } catch (err) {
      this.#logger.warn({ err, session: this.session }, 'a message could not be carried out');
      this.sendError('unavailable', 'the log cannot be read right now; send the message again');
    } finally {
      this.#waiting -= 1;
      if (this.#ws.isPaused && this.#waiting < MAX_WAITING_MESSAGES) this.#ws.resume();
    }
  }

  /**
   * Data frames go to the socket as they are, behind the library's back: it would frame, mask-check and compress each
   * message for each client again. Control frames go through the library, which writes them at once because it never has
   * data of its own under way, so the two never interleave within a frame.
   */
  write(frames: Buffer, count: number): void {
    if (this.#isClosed || this.#ws.readyState !== this.#ws.OPEN) return;
    this.#queue.write(frames);
    this.#onWrite(count, frames.length);
  }

  isIdle(): boolean {
    return this.#queue.isIdle;
  }

  async whenIdle(): Promise<void> {
    if (!this.#isClosed) await this.#queue.whenIdle();
  }

  maxBytes(): number {
    return this.#budget.maxBytes();
  }

  cork(): void {
    this.#queue.cork();
  }

  uncork(): void {
    this.#queue.uncork();
  }

  send(message: object): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.write(framed(Buffer.from(text)), 1);
  }

  sendError(code: string, message: string, field?: string): void {
    this.send({ type: 'error', code, message, ...(field === undefined ? {} : { field }) });
  }

  /** A refused message is answered, not punished; a client that does nothing else is. */
  refuse(code: string, message: string, field?: string): void {
    this.sendError(code, message, field);
    this.#refused += 1;
    if (this.#refused >= this.#limits.refusedMessages) this.close(PROTOCOL_ERROR);
  }

  close(verdict: CloseVerdict): void {
    this.#ws.close(verdict.code, verdict.reason);
  }

  leave(afterMs: number): void {
    this.send({ type: 'reconnect', afterMs });
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /**
   * A client that answers nothing for two heartbeats is gone, whatever TCP says. One for whom something waits cannot
   * answer a ping that stands behind it: it is slow, and is waited for much longer. Nor is an answer heard while nothing
   * is read from it.
   */
  beat(): void {
    const isBusy = !this.#queue.isIdle || this.#ws.isPaused;
    const stalledMs = this.#queue.stalledMs(isBusy);
    if (isBusy) {
      this.#unanswered = 0;
      if (stalledMs >= this.#limits.stallMs) this.terminate();
      return;
    }
    if (this.#unanswered >= MAX_UNANSWERED_PINGS) {
      this.terminate();
      return;
    }
    this.#unanswered += 1;
    this.#ws.ping();
  }

  #parse(text: string, isBinary: boolean): ClientMessage | null {
    if (isBinary) {
      this.refuse('invalid_message', 'messages are JSON in text frames, not binary frames');
      return null;
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      this.refuse('invalid_json', 'the message is not JSON');
      return null;
    }
    const result = clientMessage.safeParse(json);
    if (result.success) return result.data;
    const { field, message } = firstIssue(result.error);
    this.refuse('invalid_message', field ? `${field}: ${message}` : message, field);
    return null;
  }

  #takeToken(): boolean {
    const now = performance.now();
    const { messagesPerSecond } = this.#limits;
    this.#tokens = Math.min(messagesPerSecond * 2, this.#tokens + ((now - this.#tokensAt) / 1000) * messagesPerSecond);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
