/**
 * What the relay answered in place of what was asked for, or that it did not answer. `message` is a sentence for people;
 * `field` names what in a form it is about.
 */
export class AdminProblem extends Error {
  /** Null when nothing answered. */
  readonly status: number | null;
  readonly code: string;
  readonly field: string | null;
  readonly retryAfterMs: number | null;

  constructor(
    code: string,
    message: string,
    more: { status?: number; field?: string | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'AdminProblem';
    this.code = code;
    this.status = more.status ?? null;
    this.field = more.field ?? null;
    this.retryAfterMs = more.retryAfterMs ?? null;
  }

  /** Asking again may help without anybody changing anything. */
  get isPassing(): boolean {
    return this.status === null || this.status >= 500 || this.status === 429;
  }
}

/** Of whatever was thrown while the relay was asked. */
export function toAdminProblem(error: unknown): AdminProblem {
  if (error instanceof AdminProblem) return error;
  return new AdminProblem('unreachable', 'The relay does not answer', { cause: error });
}

export async function problemOf(response: Response): Promise<AdminProblem> {
  const { status } = response;
  const body = (await response.json().catch(() => null)) as Record<string, unknown> | null;
  const text = (name: string) => (typeof body?.[name] === 'string' ? (body[name] as string) : null);
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new AdminProblem(text('code') ?? `http_${status}`, text('detail') ?? `The relay answered with ${status}`, {
    status,
    field: text('field'),
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : null,
  });
}
