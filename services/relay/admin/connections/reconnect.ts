import type { Asked } from '@3cx-relay/shared/jobs/ask.ts';
import type { JobResult } from '@3cx-relay/shared/jobs/catalogue.ts';
import type { Reconnectable } from '@3cx-relay/shared/jobs/component-state.ts';
import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { ReconnectAnswer } from '@3cx-relay/shared/wire/admin/connections.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { actorOf } from '../admin-state.ts';

export interface ReconnectDeps {
  readonly queue: Pick<JobQueue<'pbx'>, 'run'>;
  readonly audit: Pick<AuditLog, 'write'>;
}

export interface ReconnectRequest {
  readonly component: Reconnectable;
  readonly by: ReturnType<typeof actorOf>;
  readonly timeoutMs: number;
}

/** Asks ingest and waits for what it came to. Ingest writes it into the audit; what never got there is written here. */
export async function reconnect(deps: ReconnectDeps, request: ReconnectRequest): Promise<ReconnectAnswer> {
  const { component, by, timeoutMs } = request;
  const startedAt = performance.now();
  const asked = await deps.queue.run(
    'reconnect',
    { component, requestedBy: by.actor, address: by.address },
    { timeoutMs },
  );
  if (asked.kind === 'answered') {
    const { ok, state, latencyMs, error } = asked.result;
    const tookMs = Math.round(performance.now() - startedAt);
    return { component, outcome: ok ? 'done' : 'failed', state, latencyMs, error, tookMs };
  }
  deps.audit.write({
    action: 'connection.reconnect',
    ...by,
    target: component,
    outcome: asked.kind === 'unavailable' ? 'not_executed' : 'unknown',
    details: { message: asked.message },
  });
  throw toProblem(asked);
}

function toProblem({ kind, message }: Exclude<Asked<JobResult<'reconnect'>>, { kind: 'answered' }>): ProblemError {
  if (kind === 'unavailable') return new ProblemError('pbx_unavailable', `nothing was reconnected: ${message}`);
  if (kind === 'timeout') return new ProblemError('pbx_timeout', `nobody knows yet what it came to: ${message}`);
  return new ProblemError('pbx_not_possible', message);
}
