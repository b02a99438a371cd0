import { callLogPath } from './call-log.ts';
import { toQueryString } from './odata-pages.ts';
import { XapiError } from './xapi-error.ts';
import { nameOf, type XapiQuestion } from './xapi-transport.ts';

/**
 * What of XAPI the API client may not ask. The role decides it question by question (3cx.md §2.1): the one by which the
 * health of XAPI is judged is open to every role, so that without this a role that is too small looks like health.
 *
 * Learned from every answer, and asked for where nobody asks: at the beginning, because the first who needs the call log
 * may come hours later; from then on once an hour; and what is refused twice a minute, so that a role that was mended is
 * seen without a restart.
 */
export class XapiRights {
  readonly #now: () => number;
  readonly #rights = new Map<string, Right>();

  constructor(now: () => number) {
    this.#now = now;
    for (const path of neededPaths(now())) this.#rights.set(nameOf({ method: 'GET', path }), { path, ...UNKNOWN });
  }

  /** A sentence with the role and where it is given; null when nothing is refused, undefined while that is not known. */
  get refusal(): string | null | undefined {
    const known = [...this.#rights.values()].map(({ refusal }) => refusal);
    return known.find(refusal => typeof refusal === 'string') ?? (known.includes(undefined) ? undefined : null);
  }

  answered(question: XapiQuestion): void {
    const right = this.#rights.get(nameOf(question));
    if (right) Object.assign(right, { refusal: null, askAgainAt: this.#now() + ASK_EVERY_MS });
  }

  failed(question: XapiQuestion, error: unknown): void {
    if (!(error instanceof XapiError) || question.method !== 'GET') return;
    const name = nameOf(question);
    const right = this.#rights.get(name);
    if (REFUSED.has(error.code)) {
      // Whether there is a question of this name at all was what its asker wanted to know: he has another.
      if (!right && question.isTold === false) return;
      const askAgainAt = this.#now() + RETRY_MS;
      this.#rights.set(name, { path: right?.path ?? question.path, refusal: error.message, askAgainAt });
    } else if (error.code === 'PBX_NOT_FOUND') {
      // An older V20 may not have it: no role would mend that.
      this.answered(question);
    }
  }

  /** What to ask now; whoever takes it asks it. */
  takeDue(): string[] {
    const now = this.#now();
    const due = [...this.#rights.values()].filter(({ askAgainAt }) => askAgainAt <= now);
    for (const right of due) right.askAgainAt = now + RETRY_MS;
    return due.map(({ path }) => path);
  }

  /** Somebody may have given the role just now. */
  askNow(): void {
    for (const right of this.#rights.values()) right.askAgainAt = 0;
  }
}

interface Right {
  readonly path: string;
  refusal: string | null | undefined;
  askAgainAt: number;
}

const UNKNOWN = { refusal: undefined, askAgainAt: 0 };
const ASK_EVERY_MS = 3_600_000;
const RETRY_MS = 30_000;
const REFUSED: ReadonlySet<string> = new Set(['PBX_ROLE_TOO_SMALL', 'PBX_LICENCE_MISSING']);

/** One row, and the call log of one second: what they bring is not looked at. */
function neededPaths(now: number): string[] {
  const one = (query: Record<string, string>) => toQueryString({ ...query, $top: 1 });
  return [`/xapi/v1/Users${one({ $select: 'Number' })}`, `/xapi/v1/${callLogPath(now, now)}${one({})}`];
}
