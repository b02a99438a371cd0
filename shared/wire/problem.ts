import { ADMIN_PROBLEMS, type AdminProblemCode } from './admin/problems.ts';

/**
 * The error catalogue of the HTTP side: RFC 9457 problem details with a stable `code`. The detail names the field and
 * what would be right.
 */
const CATALOGUE = {
  invalid_request: { status: 400, title: 'Bad Request' },
  invalid_position: { status: 400, title: 'Bad Request' },
  unauthenticated: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  /** The key may not be used from where the request comes from. */
  address_not_allowed: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not Found' },
  method_not_allowed: { status: 405, title: 'Method Not Allowed' },
  /** What followed the offset is not held any more; `reason`, `oldestOffset` and `resumeOffset` say more. */
  gone: { status: 410, title: 'Gone' },
  request_timeout: { status: 408, title: 'Request Timeout' },
  expectation_failed: { status: 417, title: 'Expectation Failed' },
  headers_too_large: { status: 431, title: 'Request Header Fields Too Large' },
  payload_too_large: { status: 413, title: 'Content Too Large' },
  /** The idempotency key was used for something else. */
  idempotency_conflict: { status: 409, title: 'Conflict' },
  too_many_commands: { status: 429, title: 'Too Many Requests', retryAfterMs: 1_000 },
  /** Of this holder: as many idempotency keys are kept as may be. The command was not executed. */
  too_many_idempotency_keys: { status: 429, title: 'Too Many Requests', retryAfterMs: 60_000 },
  /** Too many keys from this address that were not valid; one that is valid still works. */
  too_many_failures: { status: 429, title: 'Too Many Requests', retryAfterMs: 60_000 },
  /** Of this key: more in a second than it may. */
  too_many_requests: { status: 429, title: 'Too Many Requests', retryAfterMs: 1_000 },
  /** Of this key: as many live connections as it may have. */
  too_many_connections: { status: 429, title: 'Too Many Requests', retryAfterMs: 5_000 },
  too_many_key_connections: { status: 429, title: 'Too Many Requests', retryAfterMs: 5_000 },
  too_many_waiting: { status: 429, title: 'Too Many Requests', retryAfterMs: 2_000 },
  too_many_record_reads: { status: 429, title: 'Too Many Requests', retryAfterMs: 2_000 },
  too_many_exports: { status: 429, title: 'Too Many Requests', retryAfterMs: 5_000 },
  /** The PBX said no; the relay and its key are in order. */
  pbx_forbidden: { status: 403, title: 'Forbidden' },
  /** This PBX has no such records, and asking again does not change it. */
  not_on_this_pbx: { status: 404, title: 'Not Found' },
  pbx_gone: { status: 404, title: 'Not Found' },
  pbx_not_possible: { status: 409, title: 'Conflict' },
  pbx_rejected: { status: 409, title: 'Conflict' },
  /** Certainly not executed: to try again is safe. */
  pbx_unavailable: { status: 503, title: 'Service Unavailable', retryAfterMs: 1_000 },
  /** Nobody knows whether it was executed: to try again without the same idempotency key is not safe. */
  pbx_timeout: { status: 504, title: 'Gateway Timeout' },
  internal: { status: 500, title: 'Internal Server Error' },
  stopping: { status: 503, title: 'Service Unavailable', retryAfterMs: 1_000 },
  unavailable: { status: 503, title: 'Service Unavailable', retryAfterMs: 2_000 },
} as const;

/** What the public API answers. */
export type PublicProblemCode = keyof typeof CATALOGUE;

export type ProblemCode = PublicProblemCode | AdminProblemCode;

export const PROBLEM_CODES = Object.keys(CATALOGUE) as readonly PublicProblemCode[];

export interface Problem {
  readonly type: string;
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly field?: string;
  /** When to try again, of every 429 and 503; the header `Retry-After` says it in seconds. */
  readonly retryAfterMs?: number;
}

export function problem(code: ProblemCode, detail: string, field?: string): Problem {
  return {
    type: 'about:blank',
    code,
    ...{ ...CATALOGUE, ...ADMIN_PROBLEMS }[code],
    detail,
    ...(field === undefined ? {} : { field }),
  };
}
