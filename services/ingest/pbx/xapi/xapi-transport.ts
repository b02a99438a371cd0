import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import { messageOf } from '@3cx-relay/shared/runtime/operator-error.ts';
import { sleep } from '@3cx-relay/shared/runtime/retry.ts';
import type { AxiosInstance, AxiosResponse } from 'axios';
import { Counter, Gauge, type Registry } from 'prom-client';
import { isRefusal } from '../../errors/report-refusals.ts';
import type { OAuthToken } from '../oauth-token.ts';
import { CircuitBreaker, type CircuitLimits, type CircuitState } from './circuit-breaker.ts';
import { timedOut, toTransportError, toXapiError, XapiError } from './xapi-error.ts';

/**
 * One question to XAPI and its answer: token, deadline, size cap, retries and circuit in one place.
 *
 * Only a GET is sent again after a failure; a POST may have been executed. A 401 is different: the PBX did nothing, so
 * either is sent once more with a fresh token.
 */
export interface XapiTransport {
  /** @throws XapiError, and OperatorError where no token could be had. */
  send(question: XapiQuestion): Promise<XapiAnswer>;
  readonly circuit: CircuitBreaker;
}

export interface XapiQuestion {
  readonly method: 'GET' | 'POST';
  /** From `/xapi/v1/` on, encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** Of each attempt; the client's own unless told. */
  readonly timeoutMs?: number;
  /** 1 asks once. */
  readonly attempts?: number;
  /** False where a failure says something of this question and not of XAPI as a whole. */
  readonly countsForCircuit?: boolean;
  /** False where the caller says by itself what came of it, or asks in order to see whether it may. */
  readonly isTold?: boolean;
}

export interface XapiAnswer {
  /** Undefined when the PBX answered without a body. */
  readonly json: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface XapiTransportLimits {
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly maxBytes: number;
  readonly circuit: CircuitLimits;
}

export interface XapiTransportDeps {
  readonly http: AxiosInstance;
  readonly token: OAuthToken;
  readonly errors?: ErrorSink | undefined;
  readonly registry: Registry;
  readonly now: () => number;
  readonly random: () => number;
}

const RETRY_FIRST_MS = 200;
/** A PBX that wants to be left alone for longer is told to the caller instead of being waited for. */
const RETRY_MAX_MS = 3_000;
const RETRYABLE = new Set(['PBX_UNREACHABLE', 'PBX_TIMEOUT', 'PBX_RATE_LIMITED', 'PBX_FAILED']);
/** What says that XAPI is dead rather than that it refused. */
const FATAL = new Set(['PBX_UNREACHABLE', 'PBX_CERTIFICATE_REFUSED', 'PBX_TIMEOUT', 'PBX_FAILED']);
/** The caller changed his mind, XAPI as a whole was told to be away, or what is refused is told as one (xapi-rights.ts). */
const NOT_TOLD = new Set([
  'ABORTED',
  'PBX_CIRCUIT_OPEN',
  'PBX_ROLE_TOO_SMALL',
  'PBX_LICENCE_MISSING',
  'PBX_XAPI_NOT_ENABLED',
]);
const STATES: readonly CircuitState[] = ['closed', 'half-open', 'open'];

export function createXapiTransport(limits: XapiTransportLimits, deps: XapiTransportDeps): XapiTransport {
  const circuit = new CircuitBreaker(limits.circuit, deps.now);
  const { questions } = createXapiMetrics(deps.registry, circuit);

  const attempt = async (question: XapiQuestion): Promise<XapiAnswer> => {
    const what = nameOf(question);
    if (!circuit.admit()) {
      throw new XapiError(
        'PBX_CIRCUIT_OPEN',
        `XAPI failed too often and is left alone for a moment: ${circuit.reason}`,
      );
    }
    try {
      const answer = await ask(question, what);
      circuit.succeeded();
      return answer;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (code === 'ABORTED') circuit.abandoned();
      else if (!FATAL.has(code)) circuit.succeeded();
      else if (question.countsForCircuit === false) circuit.abandoned();
      else circuit.failed(error instanceof Error ? error.message : String(error));
      throw error;
    }
  };

  const ask = async (question: XapiQuestion, what: string): Promise<XapiAnswer> => {
    const bearer = await deps.token.ensureValidToken();
    let response = await exchange(question, what, bearer);
    if (response.status === 401) {
      deps.token.invalidate(bearer);
      response = await exchange(question, what, await deps.token.ensureValidToken());
    }
    return readAnswer(what, response);
  };

  const exchange = async (question: XapiQuestion, what: string, bearer: string): Promise<AxiosResponse<string>> => {
    const timeoutMs = question.timeoutMs ?? limits.timeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      return await deps.http.request<string>({
        method: question.method,
        url: question.path,
        headers: {
          authorization: `Bearer ${bearer}`,
          accept: 'application/json',
          ...(question.method === 'POST' ? { 'content-type': 'application/json' } : {}),
        },
        // A POST without a body is refused by some builds.
        ...(question.method === 'POST' ? { data: JSON.stringify(question.body ?? {}) } : {}),
        maxContentLength: limits.maxBytes,
        signal: question.signal ? AbortSignal.any([deadline, question.signal]) : deadline,
      });
    } catch (error) {
      if (question.signal?.aborted) throw new XapiError('ABORTED', `${what} was given up by its caller`);
      if (deadline.aborted) throw timedOut(what, timeoutMs);
      throw toTransportError(what, error, { timeoutMs, maxBytes: limits.maxBytes });
    }
  };

  const sendUntilAnswered = async (question: XapiQuestion) => {
    let failure: XapiError | null = null;
    const attempts = question.method === 'GET' ? (question.attempts ?? limits.attempts) : 1;
    for (let n = 1; ; n += 1) {
      try {
        const answer = await attempt(question);
        questions.inc({ outcome: 'answered' });
        return { answer, failure };
      } catch (error) {
        const code = error instanceof XapiError ? error.code : 'PBX_NO_TOKEN';
        questions.inc({ outcome: code });
        if (!(error instanceof XapiError) || n >= attempts || !RETRYABLE.has(code)) throw error;
        failure = error;
        // Full jitter: many callers fail at the same moment and must not come back at the same moment.
        const waitMs = error.retryAfterMs ?? deps.random() * Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** n);
        if (waitMs > RETRY_MAX_MS) throw error;
        await sleep(waitMs, question.signal);
        if (question.signal?.aborted) throw error;
      }
    }
  };

  return {
    circuit,
    async send(question) {
      const errors = question.isTold === false ? undefined : deps.errors;
      try {
        const { answer, failure } = await sendUntilAnswered(question);
        if (failure) errors?.logError('xapi', 'warning', lateAnswer(question, failure));
        return answer;
      } catch (error) {
        if (isNews(question, error)) {
          errors?.logError('xapi', 'error', `${nameOf(question)} failed: ${messageOf(error)}`, { error });
        }
        throw error;
      }
    },
  };
}

function lateAnswer(question: XapiQuestion, { message }: XapiError): string {
  return `${nameOf(question)} was answered only when it was asked again: ${message}`;
}

function isNews({ signal }: XapiQuestion, error: unknown): boolean {
  if (signal?.aborted) return false;
  return error instanceof XapiError ? !NOT_TOLD.has(error.code) : !isRefusal(error);
}

function readAnswer(what: string, response: AxiosResponse<string>): XapiAnswer {
  const { status, data, headers } = response;
  if (status < 200 || status > 299) {
    throw toXapiError(what, { status, body: data ?? '', retryAfter: headers['retry-after'] });
  }
  if (!data) return { json: undefined, headers };
  try {
    return { json: JSON.parse(data), headers };
  } catch {
    throw new XapiError(
      'PBX_ANSWER_UNREADABLE',
      `what answers ${what} is no XAPI (${data.length} characters that are not JSON): check FQDN or PBX_URL, and what stands in front of the PBX`,
      { status },
    );
  }
}

/** Without query and arguments: they may hold telephone numbers, and a message must not differ by them. */
export function nameOf({ method, path }: Pick<XapiQuestion, 'method' | 'path'>): string {
  const [name = ''] = path.replace(/^\/xapi\/v1\//, '').split('?');
  return `${method} ${name.replace(/\([^)]*\)/g, '')}`;
}

function createXapiMetrics(registry: Registry, circuit: CircuitBreaker) {
  const registers = [registry];
  new Gauge({
    name: 'relay_xapi_circuit',
    help: '1 for the state in which the circuit to XAPI is',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of STATES) this.set({ state }, circuit.state === state ? 1 : 0);
    },
  });
  return {
    questions: new Counter({
      name: 'relay_xapi_requests_total',
      help: 'Requests to XAPI by what became of them',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
