import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import { tlsProblemOf } from '../tls-problem.ts';

/**
 * Why XAPI did not do what was asked. The code is stable; the message says what the operator can do. Neither the
 * secret nor a token is ever part of it: what the PBX says is quoted, what we sent is not.
 */
export type XapiErrorCode =
  /** Nobody answered: name, port, firewall. */
  | 'PBX_UNREACHABLE'
  /** Somebody answered whose certificate is not the PBX's, or who speaks no TLS. */
  | 'PBX_CERTIFICATE_REFUSED'
  | 'PBX_TIMEOUT'
  /** 401 with a fresh token. */
  | 'PBX_CREDENTIALS_REFUSED'
  /** 403, and the licence is the reason. */
  | 'PBX_LICENCE_MISSING'
  /** 403 even on the cheapest question: "3CX Configuration API" is not ticked. */
  | 'PBX_XAPI_NOT_ENABLED'
  /** 403 here and not elsewhere: the role of the API client. */
  | 'PBX_ROLE_TOO_SMALL'
  | 'PBX_NOT_FOUND'
  /** 400 and other refusals of what was asked. */
  | 'PBX_REQUEST_REFUSED'
  | 'PBX_RATE_LIMITED'
  /** 5xx. */
  | 'PBX_FAILED'
  | 'PBX_ANSWER_UNREADABLE'
  | 'PBX_ANSWER_TOO_LARGE'
  /** Not asked at all: it failed too often a moment ago. */
  | 'PBX_CIRCUIT_OPEN'
  /** The caller's signal. */
  | 'ABORTED';

export class XapiError extends OperatorError {
  declare readonly code: XapiErrorCode;
  /** Of the HTTP answer; null when there was none. */
  readonly status: number | null;
  /** The PBX's own code in its OData error. */
  readonly odataCode: string | null;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | null;

  constructor(
    code: XapiErrorCode,
    message: string,
    details: { status?: number; odataCode?: string | null; retryAfterMs?: number | null } = {},
  ) {
    super(code, message);
    this.name = 'XapiError';
    this.status = details.status ?? null;
    this.odataCode = details.odataCode ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** What an answer that is no success means. `what` names the question, for example "GET ActiveCalls". */
export function toXapiError(what: string, answer: { status: number; body: string; retryAfter?: unknown }): XapiError {
  const { status } = answer;
  const odata = readODataError(answer.body);
  const said = odata.message ? `; it says: ${odata.message}` : '';
  const details = { status, odataCode: odata.code };
  switch (true) {
    case status === 401:
      return new XapiError(
        'PBX_CREDENTIALS_REFUSED',
        `the PBX refuses a fresh token on ${what} (401): another program may sign in with the same CLIENT_ID, give the relay an API client of its own${said}`,
        details,
      );
    case status === 403:
      return refusal(what, /licen[cs]e/i.test(answer.body) ? 'licence' : 'role', { said, ...details });
    case status === 404:
      return new XapiError(
        'PBX_NOT_FOUND',
        `the PBX knows no ${what} (404): it is gone, or this is no 3CX V20${said}`,
        details,
      );
    case status === 429:
      return new XapiError('PBX_RATE_LIMITED', `the PBX is asked too often, ${what} (429): ask less often${said}`, {
        ...details,
        retryAfterMs: readRetryAfter(answer.retryAfter),
      });
    case status >= 500:
      return new XapiError(
        'PBX_FAILED',
        `the PBX failed on ${what} (${status}): look at its event log if this goes on${said}`,
        { ...details, retryAfterMs: readRetryAfter(answer.retryAfter) },
      );
    case status >= 300 && status < 400:
      return new XapiError(
        'PBX_ANSWER_UNREADABLE',
        `the PBX redirects ${what} (${status}): check host, port and scheme in FQDN or PBX_URL`,
        details,
      );
    default:
      return new XapiError('PBX_REQUEST_REFUSED', `the PBX refused ${what} (${status})${said}`, details);
  }
}

/**
 * A 403 has three reasons that want three different clicks. The body of a licence refusal has never been captured
 * (3cx.md §7), so besides its words the caller's second question decides: is the cheapest thing forbidden as well?
 */
export function refusal(
  what: string,
  reason: 'licence' | 'tick' | 'role',
  details: { said?: string; status?: number; odataCode?: string | null } = {},
): XapiError {
  const { said = '', ...rest } = details;
  switch (reason) {
    case 'licence':
      return new XapiError(
        'PBX_LICENCE_MISSING',
        `the licence of the PBX does not include this, ${what} (403): XAPI needs 8 simultaneous calls or more and Enterprise${said}`,
        rest,
      );
    case 'tick':
      return new XapiError(
        'PBX_XAPI_NOT_ENABLED',
        `the API client may not use XAPI at all, ${what} (403): tick "3CX Configuration API" on it in Integrations → API${said}`,
        rest,
      );
    case 'role':
      return new XapiError(
        'PBX_ROLE_TOO_SMALL',
        `the role of the API client is too small for ${what} (403): give it the role System Owner in Integrations → API${said}`,
        rest,
      );
  }
}

/** No answer at all. The message of the cause only: an axios error carries the request with its Authorization header. */
export function toTransportError(what: string, error: unknown, limits: { timeoutMs: number; maxBytes: number }) {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (reason.includes('maxContentLength')) {
    return new XapiError(
      'PBX_ANSWER_TOO_LARGE',
      `the PBX answered ${what} with more than ${limits.maxBytes} bytes: ask for less at once, or raise INGEST_XAPI_MAX_BYTES`,
    );
  }
  if (code === 'ECONNABORTED' || code === 'ETIMEDOUT' || code === 'ERR_CANCELED')
    return timedOut(what, limits.timeoutMs);
  const tlsProblem = tlsProblemOf(error);
  if (tlsProblem) return new XapiError('PBX_CERTIFICATE_REFUSED', tlsProblem);
  return new XapiError(
    'PBX_UNREACHABLE',
    `the PBX did not answer ${what}: ${reason || code}; check host and port in FQDN or PBX_URL, and the firewall`,
  );
}

export function timedOut(what: string, timeoutMs: number): XapiError {
  return new XapiError('PBX_TIMEOUT', `the PBX did not answer ${what} within ${timeoutMs} ms: it may be overloaded`);
}

const MAX_QUOTED = 300;

function readODataError(body: string): { code: string | null; message: string | null } {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } | string };
    if (typeof error !== 'object' || error === null) return { code: null, message: null };
    return {
      code: typeof error.code === 'string' && error.code ? error.code : null,
      message: typeof error.message === 'string' && error.message ? error.message.slice(0, MAX_QUOTED) : null,
    };
  } catch {
    return { code: null, message: null };
  }
}

/** Seconds or a date. */
function readRetryAfter(value: unknown): number | null {
  if (typeof value !== 'string' || value === '') return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}
