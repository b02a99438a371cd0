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

/** On whose behalf a socket is open. `sees` is asked per frame: the list of DNs may change while the socket is open. */
export type SocketOwner = { token: string; clientNumber: number; sees: (dn: string) => boolean };
type Client = { socket: WebSocket; wire: Duplex; owner: SocketOwner; record: SocketRecord };
type HubDeps = { clock: Clock; lastN: () => number; maxBufferedBytes: number };

const MAX_RECORDS = 10_000;

/** The open call-control sockets. A frame goes to all whose API client lists its DN, in one order. */
export class SocketHub {
  readonly #deps: HubDeps;
  readonly #clients = new Set<Client>();
  /** Told to go, or going: they get no more frames but still hold a connection. */
  readonly #leaving = new Set<Client>();
  readonly #dead = new WeakSet<Client>();
  readonly #records: SocketRecord[] = [];
  #lastId = 0;
  #stalledUntilMs = 0;
  #answersPings = true;

  constructor(deps: HubDeps) {
    this.#deps = deps;
  }

  add(socket: WebSocket, wire: Duplex, owner: SocketOwner): number {
    const { clock, lastN } = this.#deps;
    const record = {
      id: ++this.#lastId,
      openedAt: clock.now(),
      closedAt: null,
      code: null,
      firstN: lastN() + 1,
      lastN: null,
    };
    const client: Client = { socket, wire, owner, record };
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
      if (!this.#dead.has(client) && (this.#answersPings || !this.isStalled)) socket.pong(data);
    });
    return record.id;
  }

  /**
   * Whom a frame about this DN would be handed to now, one bit per API client; 0 is nobody. A null DN concerns all.
   */
  audience(dn: string | null): number {
    if (this.isStalled) return 0;
    let clients = 0;
    for (const client of this.#clients) {
      const { socket, owner } = client;
      if (this.#dead.has(client)) continue;
      if (socket.readyState === socket.OPEN && (dn === null || owner.sees(dn))) clients |= 1 << owner.clientNumber;
    }
    return clients;
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

  send(bytes: Buffer, binary: boolean, dn: string | null): void {
    for (const client of this.#clients) {
      if (this.#dead.has(client)) continue;
      if (client.socket.readyState !== client.socket.OPEN || (dn !== null && !client.owner.sees(dn))) continue;
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

  /** The sockets that are open now are dead from here on, without a word; others work. Returns how many. */
  deaden(): number {
    for (const client of this.#clients) this.#dead.add(client);
    return this.#clients.size;
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

  closeAll(code: number, reason: string): number {
    const closing = [...this.#clients];
    for (const client of closing) {
      this.#forget(client);
      client.record.code = code;
      client.socket.close(code, reason);
    }
    return closing.length;
  }

  /** The end of the simulator itself, also for sockets whose client never answers the close. */
  destroy(): void {
    this.dropAll();
    for (const { socket } of this.#leaving) socket.terminate();
  }

  closeHoldersOf(token: string): void {
    for (const { socket, owner } of this.#clients) if (owner.token === token) socket.close(1008, 'token expired');
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
