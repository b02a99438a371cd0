import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { CloseVerdict } from '@3cx-relay/shared/wire/close-codes.ts';
import { encode } from './encoding.ts';
import type { LiveClient } from './live-client.ts';
import type { OnWrite, Outlet, OutletMessage } from './outlet.ts';
import type { SendBudget } from './send-budget.ts';
import { SocketQueue } from './socket-queue.ts';
import type { Subscription } from './subscription.ts';

/** A sign of life that no client sees and every proxy does. */
const COMMENT = Buffer.from(':\n\n');

/** One client of server-sent events: the same messages as on a WebSocket, with the position as the id of each. */
export class EventStream implements Outlet, LiveClient {
  readonly session = randomUUID();
  readonly transport = 'sse';
  readonly encoding = 'sse';
  readonly subscriptions = new Map<Channel, Subscription>();
  readonly #response: ServerResponse;
  readonly #queue: SocketQueue;
  readonly #budget: SendBudget;
  readonly #onWrite: OnWrite;
  readonly #stallMs: number;
  #isGone = false;

  /** `response` has its headers sent, on `socket`; `onClose` is called once. */
  constructor(
    response: ServerResponse,
    socket: Socket,
    deps: { budget: SendBudget; stallMs: number; onWrite: OnWrite; onClose: () => void },
  ) {
    this.#response = response;
    this.#queue = new SocketQueue(response, socket, deps.budget);
    this.#stallMs = deps.stallMs;
    this.#budget = deps.budget;
    this.#onWrite = deps.onWrite;
    response.on('close', () => {
      this.#isGone = true;
      for (const subscription of this.subscriptions.values()) subscription.end();
      this.#queue.close();
      deps.onClose();
    });
  }

  /** From the verdict on: what waits is still sent, and nothing more can be written. */
  get isClosed(): boolean {
    return this.#isGone || this.#response.writableEnded;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  isIdle(): boolean {
    return this.#queue.isIdle;
  }

  async whenIdle(): Promise<void> {
    if (!this.isClosed) await this.#queue.whenIdle();
  }

  maxBytes(): number {
    return this.#budget.maxBytes();
  }

  write(bytes: Buffer, count: number): void {
    if (this.isClosed) return;
    this.#queue.write(bytes);
    this.#onWrite(count, bytes.length);
  }

  send(message: OutletMessage): void {
    this.sendText(JSON.stringify(message), message.id ?? null);
  }

  /** A message that is JSON already. */
  sendText(text: string, id: string | null): void {
    this.write(encode('sse', [{ text: Buffer.from(text), id }]), 1);
  }

  cork(): void {
    this.#queue.cork();
  }

  uncork(): void {
    this.#queue.uncork();
  }

  /** The first thing that a browser is told: how long it waits before it comes back by itself. */
  open(retryMs: number): void {
    this.#queue.write(Buffer.from(`retry: ${retryMs}\n\n`));
  }

  beat(): void {
    if (this.isClosed) return;
    if (this.#queue.stalledMs() >= this.#stallMs) this.terminate();
    else if (this.isIdle()) this.#queue.write(COMMENT);
  }

  /** Its own reconnect obeys `retry`. */
  leave(afterMs: number): void {
    if (this.isClosed) return;
    this.#queue.write(Buffer.from(`retry: ${afterMs}\n\n`));
    this.send({ type: 'reconnect', afterMs });
  }

  /** There is no close code here: a verdict that makes coming back useless is told as an error first. */
  close(verdict: CloseVerdict): void {
    if (!verdict.reconnect) this.send({ type: 'error', code: 'closed', message: verdict.reason });
    this.#response.end();
  }

  terminate(): void {
    this.#response.destroy();
  }
}
