import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { Counter, Gauge, Registry } from 'prom-client';
import { WebSocket } from 'ws';
import { createOAuthToken, type OAuthToken } from '../oauth-token.ts';
import { pbxUrlFrom } from '../pbx-address.ts';
import { createPbxHttp, type PbxHttp } from '../pbx-http.ts';
import { type ConnectionInput, type ConnectionState, nextConnectionState } from './connection-states.ts';
import { Lateness } from './lateness.ts';
import { createReconnectPlan, type ReconnectPlan } from './reconnect-plan.ts';
import { refusalSentence, unreadableReasonOf } from './socket-problems.ts';

/** What the connection tells its subscribers, in the order in which it happened. `at` is Unix ms. */
export type SocketNews =
  /** The socket was accepted and the PBX heard on it. */
  | { readonly kind: 'open'; readonly at: number }
  | { readonly kind: 'frame'; readonly at: number; readonly raw: string }
  /** A frame that never became text: binary, or longer than `maxFrameBytes` (then the socket is gone, too). */
  | { readonly kind: 'unreadable'; readonly at: number; readonly reason: string; readonly bytes: Buffer }
  /** `lateSince`: Unix ms; what was read last may have been sent since then. Null when it was read as it came. */
  | { readonly kind: 'lost'; readonly at: number; readonly detail: string; readonly lateSince: number | null }
  /** The upgrade was answered with a status instead of 101. */
  | { readonly kind: 'refused'; readonly at: number; readonly status: number; readonly sentence: string };

/** All have a default; what several clients of one PBX should share is handed in. */
export interface CallControlWebSocketOptions {
  /** The owner of the token: one per API client, because a new token kills the one before. */
  readonly token?: OAuthToken;
  readonly plan?: ReconnectPlan;
  /** How to sign in, where no plan is given: Bearer, then Basic when that is refused, unless one is named. */
  readonly auth?: 'auto' | 'bearer' | 'basic';
  readonly pingMs?: number;
  readonly pongDeadlineMs?: number;
  readonly maxFrameBytes?: number;
  readonly logger?: Logger;
  readonly registry?: Registry;
  readonly now?: () => number;
}

const PING_MS = 5_000;
const PONG_DEADLINE_MS = 10_000;
const MAX_FRAME_BYTES = 1024 * 1024;
const RECONNECT = { quickMs: 1_000, firstMs: 5_000, maxMs: 30_000 };
const DIAL_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * The one connection to `/callcontrol/ws`. It never gives up: the table in connection-states.ts says what follows what,
 * the plan says how long to wait, and this class does the I/O.
 *
 * Whatever a socket says after another has taken its place is dropped: `ws` reports a terminated socket's end a turn
 * later, which must not count as the loss of its successor.
 */
export class CallControlWebSocket {
  readonly #url: string;
  readonly #basic: string;
  readonly #token: OAuthToken;
  readonly #plan: ReconnectPlan;
  readonly #logger: Logger;
  readonly #limits: { readonly pingMs: number; readonly pongDeadlineMs: number; readonly maxFrameBytes: number };
  readonly #now: () => number;
  readonly #lateness: Lateness;
  readonly #ownHttp: PbxHttp | null;
  readonly #handlers = new Set<(news: SocketNews) => void>();
  readonly #reconnects: Counter;
  #state: ConnectionState = 'idle';
  #socket: WebSocket | null = null;
  #bearer = '';
  #openedAt = 0;
  #error: string | null = null;
  #waitTimer: NodeJS.Timeout | undefined;
  readonly #probes: (() => void)[] = [];
  #pingTimer: NodeJS.Timeout | undefined;
  #pongTimer: NodeJS.Timeout | undefined;
  #waitMs = 0;

  constructor(fqdn: string, clientId: string, clientSecret: string, options: CallControlWebSocketOptions = {}) {
    const pbxUrl = pbxUrlFrom(fqdn);
    this.#url = `${pbxUrl.replace(/^http/, 'ws')}/callcontrol/ws`;
    this.#basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    this.#now = options.now ?? Date.now;
    this.#lateness = new Lateness(this.#now);
    if (options.token) {
      this.#token = options.token;
      this.#ownHttp = null;
    } else {
      this.#ownHttp = createPbxHttp(pbxUrl, { maxSockets: 1 });
      this.#token = createOAuthToken({ http: this.#ownHttp.http }, { clientId, clientSecret });
    }
    this.#plan = options.plan ?? createReconnectPlan({ auth: options.auth ?? 'auto', ...RECONNECT });
    this.#logger = options.logger ?? createLogger({ name: 'callcontrol', level: 'silent' });
    this.#limits = {
      pingMs: options.pingMs ?? PING_MS,
      pongDeadlineMs: options.pongDeadlineMs ?? PONG_DEADLINE_MS,
      maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    };
    const registers = [options.registry ?? new Registry()];
    const isOpen = () => this.#state === 'open';
    this.#reconnects = new Counter({
      name: 'relay_pbx_connections_total',
      help: 'Call-control sockets that were opened',
      registers,
    });
    new Gauge({
      name: 'relay_pbx_connected',
      help: '1 while the call-control socket is open',
      registers,
      collect() {
        this.set(isOpen() ? 1 : 0);
      },
    });
  }

  get state(): 'connected' | 'connecting' | 'down' {
    if (this.#state === 'open') return 'connected';
    return this.#state === 'authorizing' || this.#state === 'dialing' ? 'connecting' : 'down';
  }

  /** Unix ms since which the socket is open; null while it is not. */
  get openSince(): number | null {
    return this.#state === 'open' ? this.#openedAt : null;
  }

  /** Why there is no connection, as a sentence; null while there is one. */
  get error(): string | null {
    return this.#error;
  }

  /** Hands over everything from now on; returns the unsubscribe function. */
  subscribe(handler: (news: SocketNews) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  start(): void {
    this.#feed('start');
  }

  /** As the WebSocket of the platform counts: 1 is open. */
  get readyState(): number {
    return this.#socket?.readyState ?? WebSocket.CLOSED;
  }

  /**
   * Gives the connection up and dials anew, for example because it is open but silent; where it waits for its next
   * attempt, that comes at once.
   */
  reconnect(why: string): void {
    if (this.#state === 'open') this.#lose(why);
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#waitTimer);
    this.#feed('waited');
  }

  /** Closes the socket and stays away until `release`: for a process that can take no more. */
  hold(why: string): void {
    if (this.#state === 'held' || this.#state === 'stopped') return;
    this.#error = why;
    this.#logger.error({ why }, 'PBX connection closed until there is room again');
    const wasOpen = this.#state === 'open';
    this.#feed('hold');
    if (wasOpen) this.#tellLoss(this.#now(), why);
  }

  release(): void {
    this.#feed('release');
  }

  /** Asks whether the line is alive; resolves when the PBX is next heard from, on whatever connection. */
  probe(): Promise<void> {
    if (this.#state === 'open') this.#ping();
    return new Promise(resolve => this.#probes.push(resolve));
  }

  /** Stops the flow of frames for a moment without losing any: TCP holds them back at the PBX. */
  pauseReading(): void {
    // A paused socket hears no pong either, so the silence is our own.
    this.#heard();
    this.#lateness.paused();
    this.#socket?.pause();
  }

  resumeReading(): void {
    this.#lateness.resumed();
    this.#socket?.resume();
  }

  stop(): void {
    this.#feed('stop');
    this.#handlers.clear();
    this.#lateness.stop();
    this.#ownHttp?.stop();
  }

  #feed(input: ConnectionInput): void {
    const { to, action } = nextConnectionState(this.#state, input);
    this.#state = to;
    switch (action) {
      case 'authorize':
        void this.#authorize();
        break;
      case 'dial':
        this.#dial();
        break;
      case 'announce':
        this.#announce();
        break;
      case 'wait':
        this.#dropSocket();
        this.#waitTimer = setTimeout(() => this.#feed('waited'), this.#waitMs);
        break;
      case 'close':
        clearTimeout(this.#waitTimer);
        this.#dropSocket();
        break;
      case 'none':
        break;
    }
  }

  async #authorize(): Promise<void> {
    if (this.#plan.scheme === 'basic') {
      this.#feed('authorized');
      return;
    }
    try {
      this.#bearer = await this.#token.ensureValidToken();
      this.#feed('authorized');
    } catch (error) {
      if (this.#state === 'authorizing') this.#fail(messageOf(error), this.#plan.afterFailure());
      this.#feed('not-authorized');
    }
  }

  #dial(): void {
    const authorization = this.#plan.scheme === 'basic' ? `Basic ${this.#basic}` : `Bearer ${this.#bearer}`;
    const socket = new WebSocket(this.#url, {
      headers: { authorization },
      handshakeTimeout: DIAL_TIMEOUT_MS,
      maxPayload: this.#limits.maxFrameBytes,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    const isCurrent = () => this.#socket === socket;
    socket.on('open', () => isCurrent() && this.#listen());
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      if (isCurrent()) this.#refused(response.statusCode ?? 0);
    });
    socket.on('message', (data, isBinary) => {
      if (!isCurrent()) return;
      this.#answered();
      const bytes = data as Buffer;
      const at = this.#now();
      if (isBinary) this.#tell({ kind: 'unreadable', at, reason: 'a binary frame', bytes });
      else this.#tell({ kind: 'frame', at, raw: bytes.toString() });
    });
    socket.on('pong', question => {
      if (!isCurrent()) return;
      this.#lateness.answered(question.toString());
      this.#answered();
    });
    socket.on('error', error => {
      if (!isCurrent()) return;
      const reason = unreadableReasonOf(error, this.#limits.maxFrameBytes);
      if (reason) {
        this.#answered();
        this.#tell({ kind: 'unreadable', at: this.#now(), reason, bytes: Buffer.alloc(0) });
      }
      this.#lose(error.message);
    });
    socket.on('close', (code, reason) => isCurrent() && this.#lose(`closed with ${code} ${reason.toString()}`.trim()));
  }

  /**
   * The upgrade was accepted, maybe by a PBX that says nothing yet: its frames may be lost until it is heard. Only then the
   * connection counts as open.
   */
  #listen(): void {
    this.#pingTimer = setInterval(() => this.#ping(), this.#limits.pingMs);
    this.#ping();
  }

  #announce(): void {
    this.#openedAt = this.#now();
    this.#error = null;
    this.#plan.succeeded();
    this.#reconnects.inc();
    this.#logger.info({ scheme: this.#plan.scheme }, 'PBX connected');
    this.#tell({ kind: 'open', at: this.#openedAt });
  }

  #ping(): void {
    if (!this.#socket || this.#socket.isPaused) return;
    this.#socket.ping(this.#lateness.question());
    // Armed once until something comes: a deadline that each ping moves would never pass.
    this.#pongTimer ??= setTimeout(
      () => this.#lose(`silent: no answer to a ping for ${this.#limits.pongDeadlineMs} ms`),
      this.#limits.pongDeadlineMs,
    );
  }

  #answered(): void {
    this.#heard();
    if (this.#state === 'dialing') this.#feed('heard');
    for (const resolve of this.#probes.splice(0)) resolve();
  }

  #heard(): void {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
  }

  #refused(status: number): void {
    if (status === 401 && this.#plan.scheme === 'bearer') this.#token.invalidate(this.#bearer);
    const sentence = refusalSentence(status);
    this.#fail(sentence, this.#plan.afterRefusal(status));
    this.#feed('refused');
    this.#tell({ kind: 'refused', at: this.#now(), status, sentence });
  }

  #lose(detail: string): void {
    const wasOpen = this.#state === 'open';
    const at = this.#now();
    this.#fail(
      wasOpen ? `the PBX connection was lost: ${detail}` : `the PBX cannot be reached: ${detail}`,
      wasOpen ? this.#plan.afterLoss(at - this.#openedAt) : this.#plan.afterFailure(),
    );
    this.#feed('lost');
    if (wasOpen) this.#tellLoss(at, detail);
  }

  #tellLoss(at: number, detail: string): void {
    this.#tell({ kind: 'lost', at, detail, lateSince: this.#lateness.since });
    this.#lateness.resumed();
  }

  #fail(sentence: string, waitMs: number): void {
    const isNews = this.#error !== sentence;
    this.#error = sentence;
    this.#waitMs = waitMs;
    this.#logger[isNews ? 'warn' : 'debug']({ retryInMs: waitMs }, sentence);
  }

  #dropSocket(): void {
    clearInterval(this.#pingTimer);
    this.#heard();
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    // A close frame when the peer is there; `terminate` for one that is not, since ws itself waits 30 s for the answer.
    if (socket.readyState === WebSocket.OPEN) {
      socket.close(1000);
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    } else socket.terminate();
  }

  #tell(news: SocketNews): void {
    for (const handler of this.#handlers) handler(news);
  }
}
