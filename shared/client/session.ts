import type { ClientMessage } from '../wire/client-messages.ts';
import { shouldReconnect } from '../wire/close-codes.ts';
import type { ErrorMessage, HelloMessage, ServerMessage } from '../wire/messages.ts';
import { type Credentials, createPass, messagesIn, openSocket, type Pass } from './credentials.ts';
import { decodeMessage } from './decode-message.ts';
import { RelayError } from './relay-error.ts';
import { wait } from './wait.ts';

/** Messages that carry nothing for the consumer stay here. */
export type Delivered = Exclude<ServerMessage, { type: 'hello' | 'pong' | 'unsubscribed' | 'error' | 'reconnect' }>;

export interface SessionRequest {
  readonly url: URL;
  readonly credentials: Credentials;
  /** From the first step to the greeting of the relay. */
  readonly connectTimeoutMs: number;
  /** Called once; returns what to subscribe to. */
  onHello(hello: HelloMessage): ClientMessage;
  /** `bytes` is the length of its text. False: no more now, the session ends. */
  onMessage(message: Delivered, bytes: number): boolean;
}

export type SessionEnd =
  /** Whoever ran it has aborted it. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'full' }
  /** For good, by the relay or by what was to be done with a message. */
  | { readonly kind: 'failed'; readonly error: unknown }
  | {
      readonly kind: 'lost';
      readonly reason: string;
      /** The relay was heard: its address and what answers there are right. */
      readonly wasOpen: boolean;
      /** How long it lasted since the greeting; 0 when there was none. */
      readonly aliveMs: number;
      /** When the relay asked to come back. */
      readonly adviceMs: number | null;
    };

const PROTOCOL = 1;
const NORMAL_CLOSURE = 1000;
const CLOSE_CODE_NAMES: Readonly<Record<number, string>> = {
  1009: 'too_big',
  4001: 'unauthenticated',
  4003: 'forbidden',
  4009: 'key_ended',
  4010: 'limit',
  4011: 'protocol_error',
};
/** Of `error` messages: what will be said again to the same request. */
const FINAL_ERRORS: ReadonlySet<string> = new Set<ErrorMessage['code']>([
  'invalid_json',
  'invalid_message',
  'invalid_position',
  'forbidden_channel',
  'not_subscribed',
]);

/**
 * Silence is measured in looks at it, not by the clock: a program that was busy, or a machine that slept, finds the
 * messages of that time before it looks again, and must not take its own absence for that of the relay.
 */
const LOOKS_PER_HEARTBEAT = 2;
const PING_AFTER_LOOKS = 3;
const DEAD_AFTER_LOOKS = 5;

/** One connection, from the first step to its end. Resolves, and never rejects. */
export async function runSession(request: SessionRequest, signal: AbortSignal): Promise<SessionEnd> {
  const ended = new AbortController();
  const abort = () => ended.abort();
  signal.addEventListener('abort', abort);
  const timeout = wait(request.connectTimeoutMs, ended.signal);
  try {
    const pass = await Promise.race([createPass(request.credentials), timeout]);
    if (signal.aborted) return { kind: 'stopped' };
    return pass ? await converse(pass, { request, timeout, signal }) : notOpened('no ticket came in time');
  } catch (error) {
    if (error instanceof RelayError && !error.reconnect) return { kind: 'failed', error };
    return notOpened(error instanceof Error ? error.message : String(error));
  } finally {
    ended.abort();
    signal.removeEventListener('abort', abort);
  }
}

function notOpened(reason: string): SessionEnd {
  return { kind: 'lost', reason, wasOpen: false, aliveMs: 0, adviceMs: null };
}

function converse(
  pass: Pass,
  { request, timeout, signal }: { request: SessionRequest; timeout: Promise<void>; signal: AbortSignal },
): Promise<SessionEnd> {
  return new Promise(resolve => {
    const socket = openSocket(request.url, pass);
    let isOver = false;
    let wasOpen = false;
    let greetedAt: number | null = null;
    let adviceMs: number | null = null;
    let refusal: ErrorMessage | null = null;
    let silentLooks = 0;
    let watch: ReturnType<typeof setInterval> | undefined;

    function finish(end: SessionEnd) {
      if (isOver) return;
      isOver = true;
      clearInterval(watch);
      signal.removeEventListener('abort', stop);
      socket.removeEventListener('message', receive);
      socket.removeEventListener('close', closed);
      socket.close(NORMAL_CLOSURE);
      resolve(end);
    }

    const stop = () => finish({ kind: 'stopped' });
    const lose = (reason: string) => {
      const aliveMs = greetedAt === null ? 0 : performance.now() - greetedAt;
      finish({ kind: 'lost', reason, wasOpen, aliveMs, adviceMs });
    };
    const fail = (error: unknown) => finish({ kind: 'failed', error });

    function greet(hello: HelloMessage) {
      if (hello.protocol !== PROTOCOL) {
        return fail(new RelayError('unsupported', `this client speaks protocol ${PROTOCOL}, not ${hello.protocol}`));
      }
      greetedAt = performance.now();
      watch = setInterval(look, hello.heartbeatMs / LOOKS_PER_HEARTBEAT);
      send(request.onHello(hello));
    }

    function look() {
      silentLooks += 1;
      if (silentLooks === PING_AFTER_LOOKS) send({ type: 'ping' });
      if (silentLooks >= DEAD_AFTER_LOOKS) lose('the relay has fallen silent');
    }

    function send(message: ClientMessage) {
      socket.send(JSON.stringify(message));
    }

    function receive({ data }: { data: unknown }) {
      silentLooks = 0;
      try {
        for (const text of messagesIn(String(data), socket)) {
          // What stands behind a message that ended the connection comes again with the next one.
          if (isOver) return;
          take(text);
        }
      } catch (error) {
        fail(error);
      }
    }

    function take(text: string) {
      const message = decodeMessage(text);
      if (message === null) return;
      if (message === undefined) {
        return fail(new RelayError('unsupported', 'what answers is not a 3CX Relay'));
      }
      switch (message.type) {
        case 'hello':
          return greet(message);
        case 'pong':
        case 'unsubscribed':
          return;
        case 'reconnect':
          adviceMs = message.afterMs;
          return;
        case 'error':
          if (FINAL_ERRORS.has(message.code)) {
            return fail(new RelayError(message.code, message.message, { field: message.field }));
          }
          // The subscription was not begun, or is over; the connection need not be.
          if (greetedAt !== null) return lose(message.message);
          // Who came with a ticket is told here what others read in the answer to the upgrade. The close that follows decides.
          refusal = message;
          return;
        default:
          if (!request.onMessage(message, text.length)) finish({ kind: 'full' });
      }
    }

    function closed({ code, reason }: { code: number; reason: string }) {
      const said = refusal?.message ?? reason;
      if (shouldReconnect(code)) return lose(said || (wasOpen ? 'connection lost' : 'the relay does not answer'));
      const name = refusal?.code ?? CLOSE_CODE_NAMES[code] ?? `closed_${code}`;
      fail(new RelayError(name, said || `the relay closed the connection with ${code}`, { closeCode: code }));
    }

    socket.addEventListener('open', () => {
      wasOpen = true;
    });
    socket.addEventListener('message', receive);
    socket.addEventListener('close', closed);
    signal.addEventListener('abort', stop);
    timeout.then(() => {
      if (greetedAt === null) lose('the relay does not answer in time');
    });
  });
}
