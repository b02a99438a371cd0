/**
 * The error catalogue of the HTTP side: RFC 9457 problem details with a stable `code`. The detail names the field and
 * what would be right.
 */
const CATALOGUE = {
  invalid_request: { status: 400, title: 'Bad Request' },
  invalid_position: { status: 400, title: 'Bad Request' },
  unauthenticated: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not Found' },
  method_not_allowed: { status: 405, title: 'Method Not Allowed' },
  internal: { status: 500, title: 'Internal Server Error' },
  too_many_connections: { status: 503, title: 'Service Unavailable' },
  stopping: { status: 503, title: 'Service Unavailable' },
  unavailable: { status: 503, title: 'Service Unavailable' },
} as const;

export type ProblemCode = keyof typeof CATALOGUE;

export interface Problem {
  readonly type: string;
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly field?: string;
}

export function problem(code: ProblemCode, detail: string, field?: string): Problem {
  return { type: 'about:blank', code, ...CATALOGUE[code], detail, ...(field === undefined ? {} : { field }) };
}
