import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { createLogger, type Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { Gauge, Registry } from 'prom-client';
import type { CdrCall, CdrSource } from '../cdr.ts';
import { createOAuthToken, type OAuthToken, rolesOf } from '../oauth-token.ts';
import { pbxUrlFrom } from '../pbx-address.ts';
import { createPbxHttp, type PbxHttp } from '../pbx-http.ts';
import { type ActiveCall, parseActiveCall, type SystemStatus, toSystemStatus } from './active-calls.ts';
import { CallHistory, type CallHistoryRow } from './call-history.ts';
import { readCallLog } from './call-log-reader.ts';
import type { CircuitState } from './circuit-breaker.ts';
import { isRow, type ODataRow, textOf } from './odata-fields.ts';
import { type ODataQuery, odataPages, toQueryString } from './odata-pages.ts';
import { readSegmentPage, type SegmentPage, type WindowedRange, type XapiReader } from './record-windows.ts';
import { refusal, XapiError } from './xapi-error.ts';
import { XapiRights } from './xapi-rights.ts';
import { createXapiTransport, type XapiAnswer, type XapiQuestion, type XapiTransport } from './xapi-transport.ts';

/** All have a default; what several clients of one PBX should share is handed in. */
export interface XAPIClientOptions {
  /** The owner of the token: one per API client, because a new token kills the one before. */
  readonly token?: OAuthToken;
  readonly http?: PbxHttp;
  readonly logger?: Logger;
  /** Hears of questions that failed, and of those that were answered only when they were asked again. */
  readonly errors?: ErrorSink;
  readonly registry?: Registry;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Deadline of one request. */
  readonly timeoutMs?: number;
  /** How often a GET is sent at most. */
  readonly attempts?: number;
  /** The longest answer that is read. */
  readonly maxBytes?: number;
  /** Failures in a row after which XAPI is left alone, and for how long. */
  readonly circuitFailures?: number;
  readonly circuitOpenMs?: number;
}

const TIMEOUT_MS = 10_000;
const CHECK_TIMEOUT_MS = 2_000;
const PROBE_TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
const MAX_BYTES = 16 * 1024 * 1024;
const CIRCUIT_FAILURES = 5;
const CIRCUIT_OPEN_MS = 5_000;
const MAX_SOCKETS = 4;
const MAX_SEGMENTS = 5_000;
const MAX_CALL_LOG_ROWS = 200_000;
/** What is asked in order to see whether it may be asked. */
const TRIAL = { countsForCircuit: false, isTold: false };
/** The cheapest question that needs XAPI rights; the version of the PBX is in a header of its answer. */
const PROBE_PATH = '/xapi/v1/Defs?$select=Id';

/**
 * The configuration API of a 3CX V20, as far as the relay needs it: calls that are up, the call log, the system.
 *
 * Every method throws XapiError (xapi-error.ts lists the codes), or OperatorError where no token could be had. Nothing
 * is written to disk.
 */
export class XAPIClient implements CdrSource {
  readonly #token: OAuthToken;
  readonly #transport: XapiTransport;
  readonly #history: CallHistory;
  readonly #ownHttp: PbxHttp | null;
  readonly #now: () => number;
  readonly #rights: XapiRights;
  readonly #stopping = new AbortController();
  #version: string | null = null;
  /** XAPI was open to us at least once: a 403 elsewhere is then about the role. */
  #isEnabled = false;

  constructor(fqdn: string, clientId: string, clientSecret: string, options: XAPIClientOptions = {}) {
    const http = options.http ?? createPbxHttp(pbxUrlFrom(fqdn), { maxSockets: MAX_SOCKETS });
    this.#ownHttp = options.http ? null : http;
    const now = options.now ?? Date.now;
    this.#now = now;
    const registry = options.registry ?? new Registry();
    this.#rights = new XapiRights(now);
    createRefusalMetric(registry, () => this.refusal);
    const logger = options.logger ?? createLogger({ name: 'xapi', level: 'silent' });
    this.#token = options.token ?? createOAuthToken({ http: http.http, now }, { clientId, clientSecret });
    this.#transport = createXapiTransport(
      {
        timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
        attempts: options.attempts ?? ATTEMPTS,
        maxBytes: options.maxBytes ?? MAX_BYTES,
        circuit: {
          failures: options.circuitFailures ?? CIRCUIT_FAILURES,
          openMs: options.circuitOpenMs ?? CIRCUIT_OPEN_MS,
        },
      },
      {
        http: http.http,
        token: this.#token,
        errors: options.errors,
        registry,
        now,
        random: options.random ?? Math.random,
      },
    );
    this.#history = new CallHistory({
      probe: async (path, query = {}) => {
        const question = { path: `/xapi/v1/${path}${toQueryString(query)}`, attempts: 1, timeoutMs: PROBE_TIMEOUT_MS };
        return (await this.#send({ method: 'GET', ...question, ...TRIAL })).json;
      },
      pages: (path, query) => this.pages(path, query),
      onDecision: (source, why) => logger.info({ source }, `call history is read from ${source}: ${why}`),
      now,
    });
  }

  /** A token with more than a minute to live, minted when there is none. @throws OperatorError PBX_UNREACHABLE, PBX_CREDENTIALS_REFUSED, PBX_RIGHTS_MISSING, PBX_ANSWER_UNREADABLE */
  ensureValidToken(): Promise<string> {
    return this.#token.ensureValidToken();
  }

  /** Unix ms at which the present token dies; 0 while there is none. */
  get tokenExpiry(): number {
    return this.#token.tokenExpiry;
  }

  /** `open`: XAPI failed too often and is not asked at the moment. */
  get circuit(): CircuitState {
    return this.#transport.circuit.state;
  }

  /**
   * What of XAPI is refused to the API client although it answers, with what to do; null when nothing is, undefined
   * until that was asked.
   */
  get refusal(): string | null | undefined {
    return this.#rights.refusal;
  }

  /** One cheap question, once, with a short deadline. Now and then it also sees to it that `refusal` is known. */
  async check(signal?: AbortSignal): Promise<{ latencyMs: number }> {
    const startedAt = performance.now();
    await this.#probe(signal);
    // They may take longer than a look at XAPI may.
    void this.#askRights();
    return { latencyMs: Math.round(performance.now() - startedAt) };
  }

  /** The same, even when XAPI is being left alone, and with `refusal` as it is now: an operator asked for it. */
  async reconnect(signal?: AbortSignal): Promise<{ latencyMs: number }> {
    this.#transport.circuit.retryNow();
    const startedAt = performance.now();
    await this.#probe(signal);
    this.#rights.askNow();
    await this.#askRights();
    return { latencyMs: Math.round(performance.now() - startedAt) };
  }

  /** For example "20.0.8.1109"; null when the PBX does not say. */
  async getVersion(): Promise<string | null> {
    await this.#probe();
    this.#version ??= (await this.getSystemStatus()).version;
    return this.#version;
  }

  async getSystemStatus(): Promise<SystemStatus> {
    const { json } = await this.#send({ method: 'GET', path: '/xapi/v1/SystemStatus' });
    if (!isRow(json)) throw new XapiError('PBX_ANSWER_UNREADABLE', 'SystemStatus is not an object: is this a 3CX V20?');
    return toSystemStatus(json);
  }

  /** Of all extensions, for example "101"; needs the role System Owner. */
  async getExtensionNumbers(): Promise<string[]> {
    const numbers: string[] = [];
    for await (const page of this.#pages('Users', { $select: 'Number' })) {
      numbers.push(...page.flatMap(row => textOf(row, 'Number') ?? []));
    }
    return numbers;
  }

  async getActiveCalls(signal?: AbortSignal): Promise<ActiveCall[]> {
    // The list changes between two pages.
    const calls = new Map<number, ActiveCall>();
    for await (const page of this.#pages('ActiveCalls', {}, signal)) {
      for (const row of page) {
        const call = parseActiveCall(row);
        if (call) calls.set(call.id, call);
      }
    }
    return [...calls.values()];
  }

  /** Ends a call for all who are in it. Sent once. @throws XapiError PBX_NOT_FOUND when there is no such call any more. */
  async dropCall(id: number): Promise<void> {
    await this.#send({ method: 'POST', path: `/xapi/v1/ActiveCalls(${Math.trunc(id)})/Pbx.DropCall` });
  }

  /** A collection below `/xapi/v1/` page by page, at most 100 rows each. */
  pages(path: string, query: ODataQuery = {}): AsyncIterable<readonly ODataRow[]> {
    return this.#pages(path, query);
  }

  /** What the PBX shows as its call history, row by row. */
  callHistory(from: Date, to: Date): AsyncIterable<CallHistoryRow> {
    return this.#history.read(from.getTime(), to.getTime());
  }

  /** Where the call history is read from: what is documented, or the call log where that is not fed any more. */
  async historyReader(): Promise<XapiReader> {
    return (await this.#history.source()) === 'CallHistoryView' ? 'view' : 'call-log';
  }

  /** One page of single segments in order of their start; of the call log it needs the role System Owner. */
  segments(source: XapiReader, range: WindowedRange, signal?: AbortSignal): Promise<SegmentPage> {
    const reader = { pages: (path: string, query: ODataQuery = {}) => this.#pages(path, query, signal) };
    return readSegmentPage(source, range, { reader, now: this.#now });
  }

  /** Calls of which a segment started in the span, from the call log; needs the role System Owner. */
  queryCDR(start: Date, end: Date): AsyncIterable<CdrCall> {
    const span = { fromMs: start.getTime(), toMs: end.getTime() };
    return readCallLog(this, span, { maxSegments: MAX_SEGMENTS, maxRows: MAX_CALL_LOG_ROWS });
  }

  /** Closes the connections that are its own. */
  stop(): void {
    this.#stopping.abort();
    this.#ownHttp?.stop();
  }

  #pages(path: string, query: ODataQuery, signal?: AbortSignal) {
    return odataPages(
      async pathAndQuery =>
        (await this.#send({ method: 'GET', path: pathAndQuery, ...(signal ? { signal } : {}) })).json,
      path,
      query,
    );
  }

  async #probe(signal?: AbortSignal): Promise<void> {
    const question = { path: PROBE_PATH, attempts: 1, timeoutMs: CHECK_TIMEOUT_MS, isTold: false };
    const { headers } = await this.#send({ method: 'GET', ...question, ...(signal ? { signal } : {}) });
    const version = headers['x-3cx-version'];
    if (typeof version === 'string' && version !== '') this.#version = version;
  }

  async #send(question: XapiQuestion): Promise<XapiAnswer> {
    try {
      const answer = await this.#transport.send(question);
      this.#isEnabled = true;
      this.#rights.answered(question);
      return answer;
    } catch (error) {
      const isForbidden = error instanceof XapiError && error.code === 'PBX_ROLE_TOO_SMALL';
      const explained = isForbidden ? await this.#explain(error, question) : error;
      this.#rights.failed(question, explained);
      throw explained;
    }
  }

  async #askRights(): Promise<void> {
    const asking = { method: 'GET', attempts: 1, timeoutMs: PROBE_TIMEOUT_MS, ...TRIAL } as const;
    const { signal } = this.#stopping;
    await Promise.allSettled(this.#rights.takeDue().map(path => this.#send({ ...asking, path, signal })));
  }

  /**
   * A 403 whose body does not speak of the licence: when even the cheapest question is forbidden, XAPI is not ticked, or
   * the licence has none. The roles in the token tell these apart only in one direction: tokens of licensed systems
   * without the role "Enterprise" have been seen.
   */
  async #explain(error: XapiError, question: XapiQuestion): Promise<XapiError> {
    if (question.path !== PROBE_PATH) {
      if (this.#isEnabled) return error;
      try {
        await this.#probe();
        return error;
      } catch (probeError) {
        return probeError instanceof XapiError && probeError.status === 403 ? probeError : error;
      }
    }
    this.#isEnabled = false;
    const roles = await this.#token.ensureValidToken().then(rolesOf, () => null);
    const hint =
      roles && !roles.includes('Enterprise')
        ? '; the token names no Enterprise licence, so look at the licence, too'
        : '';
    return refusal('GET Defs', 'tick', { said: hint, status: 403, odataCode: error.odataCode });
  }
}

function createRefusalMetric(registry: Registry, refusal: () => string | null | undefined): void {
  new Gauge({
    name: 'relay_xapi_refused',
    help: '1 while the PBX refuses a part of XAPI to the API client, whose role or licence is too small',
    registers: [registry],
    collect() {
      this.set(typeof refusal() === 'string' ? 1 : 0);
    },
  });
}
