import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { ProblemCode } from '@3cx-relay/shared/wire/problem.ts';
import { ProblemError } from './problem-error.ts';

/** The calls as XAPI lists them. @throws ProblemError when the PBX does not say */
export type ActiveCallsOfPbx = () => Promise<readonly Readonly<Record<string, unknown>>[]>;

const TIMEOUT_MS = 12_000;

/** What the API client may not do will not change by asking again. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'PBX_ROLE_TOO_SMALL',
  'PBX_LICENCE_MISSING',
  'PBX_XAPI_NOT_ENABLED',
  'PBX_RIGHTS_MISSING',
]);

/** Everybody who asks while a question is under way gets its answer: a crowd costs the PBX one request. */
export function createActiveCallsOfPbx(queue: Pick<JobQueue<'pbx'>, 'run'>): ActiveCallsOfPbx {
  let asking: ReturnType<ActiveCallsOfPbx> | undefined;
  return () => {
    asking ??= ask(queue).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function ask(queue: Pick<JobQueue<'pbx'>, 'run'>): ReturnType<ActiveCallsOfPbx> {
  const asked = await queue.run('active-calls', {}, { timeoutMs: TIMEOUT_MS });
  if (asked.kind !== 'answered') {
    throw new ProblemError(asked.kind === 'timeout' ? 'pbx_timeout' : 'pbx_unavailable', asked.message);
  }
  const { result } = asked;
  if (result.ok) return result.calls;
  throw new ProblemError(codeOf(result.code), result.message);
}

function codeOf(code: string): ProblemCode {
  if (FORBIDDEN.has(code)) return 'pbx_forbidden';
  return code === 'PBX_TIMEOUT' ? 'pbx_timeout' : 'pbx_unavailable';
}
