import { AdminProblem, problemOf, toAdminProblem } from './admin-problem.ts';

export type Query = Readonly<Record<string, string | number | boolean | Date | null | undefined>>;

/**
 * The admin API of the relay that served this page. Paths are relative to `/admin/`, so that they hold behind any prefix;
 * what the browser may keep in its cookie it sends by itself. Everything that is no success is thrown as an
 * `AdminProblem`; an aborted request throws the signal's reason.
 */
export interface AdminApi {
  get<Answer>(path: string, query?: Query, signal?: AbortSignal): Promise<Answer>;
  post<Answer>(path: string, body?: unknown, signal?: AbortSignal): Promise<Answer>;
  patch<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer>;
  delete<Answer = null>(path: string, body?: unknown, signal?: AbortSignal): Promise<Answer>;
  /** Where the browser finds a path itself, as for a download. */
  href(path: string, query?: Query): string;
}

export interface AdminApiDeps {
  /** `/admin/` of the relay, with its slash. */
  readonly baseUrl: string;
  /** Of the session; null while nobody is signed in. */
  readonly csrfToken: () => string | null;
  /** Nobody is signed in any more, whatever was thought before. */
  readonly onSignedOut: () => void;
  /** Whoever is signed in has to do something before anything else, since just now. */
  readonly onGated: () => void;
}

const GATES = new Set(['password_change_required', 'second_factor_setup_required']);

const CSRF_HEADER = 'x-csrf-token';
const TIMEOUT_MS = 20_000;

export function createAdminApi({ baseUrl, csrfToken, onSignedOut, onGated }: AdminApiDeps): AdminApi {
  const href = (path: string, query: Query = {}) => {
    const url = new URL(path, baseUrl);
    for (const [name, value] of Object.entries(query)) {
      if (value === null || value === undefined || value === '') continue;
      url.searchParams.set(name, value instanceof Date ? value.toISOString() : String(value));
    }
    return url.href;
  };

  async function ask<Answer>(method: string, url: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
    const token = csrfToken();
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await fetch(url, {
        method,
        credentials: 'same-origin',
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(method === 'GET' || token === null ? {} : { [CSRF_HEADER]: token }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      if (!response.ok) throw await problemOf(response);
      return (response.status === 204 ? null : await response.json()) as Answer;
    } catch (error) {
      signal?.throwIfAborted();
      const problem = toAdminProblem(error);
      // A wrong password is answered with 401 as well, and says nothing of the session.
      if (problem.status === 401 && problem.code === 'unauthenticated') onSignedOut();
      if (GATES.has(problem.code)) onGated();
      throw problem;
    }
  }

  return {
    get: (path, query, signal) => ask('GET', href(path, query), undefined, signal),
    post: (path, body = {}, signal) => ask('POST', href(path), body, signal),
    patch: (path, body, signal) => ask('PATCH', href(path), body, signal),
    delete: (path, body, signal) => ask('DELETE', href(path), body, signal),
    href,
  };
}

/** Whether somebody changed his mind, so that nothing went wrong. */
export function isAbort(error: unknown): boolean {
  return !(error instanceof AdminProblem) && error instanceof Error && error.name === 'AbortError';
}
