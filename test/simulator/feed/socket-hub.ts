import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../pbx/clock.ts';

/** One call-control connection as the PBX remembers it: from which frame to which frame it was open. */
export type SocketRecord = {
  id: number;
  openedAt: number;
  closedAt: number | null;
  code: number | null;
  firstN: number;
  lastN: number | null;
};

type Client = { socket: WebSocket; wire: Duplex; token: string; record: SocketRecord };
type HubDeps = { clock: Clock; lastN: () => number; maxBufferedBytes: number };

const MAX_RECORDS = 10_000;

/** The open call-control sockets. Every frame goes to all of them, in one order. */
export class SocketHub {
  readonly #deps: HubDeps;
  readonly #clients = new Set<Client>();
  /** Told to go, or going: they get no more frames but still hold a connection. */
  readonly #leaving = new Set<Client>();
  readonly #records: SocketRecord[] = [];
  #lastId = 0;
  #stalledUntilMs = 0;
  #answersPings = true;

  constructor(deps: HubDeps) {
    this.#deps = deps;
  }

  add(socket: WebSocket, wire: Duplex, token: string): number {
    const { clock, lastN } = this.#deps;
    const record = {
      id: ++this.#lastId,
      openedAt: clock.now(),
      closedAt: null,
      code: null,
      firstN: lastN() + 1,
      lastN: null,
    };
    const client: Client = { socket, wire, token, record };
    this.#clients.add(client);
    this.#records.push(record);
    if (this.#records.length > MAX_RECORDS) this.#records.shift();
    socket.on('close', code => {
      this.#forget(client);
      this.#leaving.delete(client);
      client.record.code ??= code;
    });
    // A reset by the peer is ordinary life for a PBX; `close` follows and tells the rest.
    socket.on('error', () => undefined);
    socket.on('ping', data => {
      if (this.#answersPings || !this.isStalled) socket.pong(data);
    });
    return record.id;
  }

  /** True when a frame sent now would be handed to somebody. */
  get isListening(): boolean {
    if (this.isStalled) return false;
    for (const { socket } of this.#clients) if (socket.readyState === socket.OPEN) return true;
    return false;
  }

  get isStalled(): boolean {
    return this.#deps.clock.monotonicMs() < this.#stalledUntilMs;
  }

  get records(): readonly SocketRecord[] {
    return this.#records;
  }

  get size(): number {
    return this.#clients.size;
  }

  send(bytes: Buffer, binary: boolean): void {
    for (const client of this.#clients) {
      if (client.socket.readyState !== client.socket.OPEN) continue;
      client.socket.send(bytes, { binary });
      // Nobody knows what a 3CX does with a client that never reads; ours must not run out of memory for it.
      if (client.socket.bufferedAmount > this.#deps.maxBufferedBytes) this.#drop(client);
    }
  }

  sendTo(socketId: number, bytes: Buffer): void {
    for (const { socket, record } of this.#clients) if (record.id === socketId) socket.send(bytes, { binary: false });
  }

  /** Everything sent inside leaves in one write per socket: at 20,000 frames/s a write each would take a whole core. */
  batch(send: () => void): void {
    const wires = [...this.#clients].map(client => client.wire);
    for (const wire of wires) wire.cork();
    try {
      send();
    } finally {
      for (const wire of wires) wire.uncork();
    }
  }

  stall(spanMs: number, answersPings: boolean): void {
    this.#stalledUntilMs = this.#deps.clock.monotonicMs() + spanMs;
    this.#answersPings = answersPings;
  }

  resume(): void {
    this.#stalledUntilMs = 0;
  }

  /** The connection breaks without a close frame: the client sees 1006. */
  dropAll(): number {
    const dropped = this.#clients.size;
    for (const client of [...this.#clients]) this.#drop(client);
    return dropped;
  }

  closeAll(code: number, reason: string): void {
    for (const client of [...this.#clients]) {
      this.#forget(client);
      client.record.code = code;
      client.socket.close(code, reason);
    }
  }

  /** The end of the simulator itself, also for sockets whose client never answers the close. */
  destroy(): void {
    this.dropAll();
    for (const { socket } of this.#leaving) socket.terminate();
  }

  closeHoldersOf(token: string): void {
    for (const { socket, token: held } of this.#clients) if (held === token) socket.close(1008, 'token expired');
  }

  #drop(client: Client): void {
    this.#forget(client);
    client.record.code = 1006;
    client.socket.terminate();
  }

  /** At once and not on `close`, which comes a turn later: a frame in between must not count as delivered. */
  #forget(client: Client): void {
    if (!this.#clients.delete(client)) return;
    this.#leaving.add(client);
    client.record.closedAt = this.#deps.clock.now();
    client.record.lastN = this.#deps.lastN();
  }
}
