import { connect, type Socket } from 'node:net';
import { ArrivalScanner, type Mark, SENT } from './arrival-scanner.ts';
import { createWire, type WireTarget } from './wires.ts';

export interface Listener {
  readonly socket: Socket;
  /** Events since the last `begin`. */
  received: number;
  /** Events that did not come in the order in which they were sent, or twice. */
  disorder: number;
  readonly ready: Promise<void>;
  begin(): void;
}

const SIGN_MS = 10_000;
/** What comes is looked at and forgotten: all sockets are read into the same memory, or the collector has more to do than the client. */
const READ_INTO = Buffer.allocUnsafeSlow(256 * 1024);

/** A client on a bare socket; `onEvent` is told of each event, with the one time at which its chunk was read. */
export function createListener(
  target: WireTarget,
  options: { onEvent: (sentUs: number) => void; mark?: Mark; isStalled?: boolean; onGone?: () => void },
): Listener {
  const wire = createWire(target);
  const socket = connect({
    ...{ port: target.port, host: '127.0.0.1', noDelay: true },
    onread: {
      buffer: READ_INTO,
      callback(length) {
        take(READ_INTO.subarray(0, length));
        return true;
      },
    },
  });
  let last = 0;
  let isReady = false;
  let resolveReady: () => void = () => undefined;
  let rejectReady: (error: Error) => void = () => undefined;
  const listener: Listener = {
    socket,
    received: 0,
    disorder: 0,
    ready: new Promise((resolve, reject) => {
      resolveReady = resolve;
      rejectReady = reject;
    }),
    begin() {
      listener.received = 0;
      listener.disorder = 0;
    },
  };
  const scanner = new ArrivalScanner(options.mark ?? SENT, sentUs => {
    listener.received += 1;
    if (sentUs <= last) listener.disorder += 1;
    last = sentUs;
    options.onEvent(sentUs);
  });
  const isChatty = target.wire === 'nats' || target.wire === 'jetstream';
  let head = '';
  socket.on('connect', () => socket.write(wire.request));
  const take = (chunk: Buffer) => {
    if (!isReady || isChatty) {
      // An answer may come in pieces while a client is being let in; later only whole requests are looked for.
      const text = head + chunk.toString('latin1');
      head = isReady ? '' : text.slice(-16_384);
      const { answer, isReady: becomes } = wire.take(() => text);
      if (answer) {
        socket.write(answer);
        head = '';
      }
      if (becomes && !isReady) {
        isReady = true;
        resolveReady();
        if (options.isStalled) socket.pause();
      }
      if (/^HTTP\/1\.1 [45]/.test(head)) rejectReady(new Error(`refused: ${head.slice(0, 300)}`));
    }
    scanner.take(chunk);
  };
  const sign = wire.sign;
  const timer = sign === null ? undefined : setInterval(() => socket.write(sign), SIGN_MS);
  socket.on('error', error => rejectReady(error));
  socket.on('close', () => {
    clearInterval(timer);
    rejectReady(new Error('the server closed the connection'));
    options.onGone?.();
  });
  return listener;
}
