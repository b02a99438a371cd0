import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { QueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { type AuditVerification, selectLastAuditVerification } from '@3cx-relay/shared/store/audit-verifications.ts';
import type { VerificationAnswer } from '@3cx-relay/shared/wire/admin/verification.ts';
import type Router from '@koa/router';
import type pg from 'pg';
import { z } from 'zod';
import { readJsonBody } from '../../public/json-body.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { askQueues } from '../queues/ask-queues.ts';

export interface VerificationDeps {
  readonly auth: AdminAuth;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly inspector: QueueInspector;
  readonly upkeep: Pick<JobQueue<'upkeep'>, 'request'>;
}

/** `/admin/audit/verification`: the worker proves the audit, and what that came to can be seen. */
export function addVerification(router: Router<AdminState>, deps: VerificationDeps): void {
  const { auth, redis } = deps;

  async function read(): Promise<VerificationAnswer> {
    const [last, [running]] = await Promise.all([
      selectLastAuditVerification(deps.pool),
      askQueues(redis, () => deps.inspector.unfinished('verify-audit')),
    ]);
    const answer = toAnswer(last);
    if (!running) return answer;
    return { ...answer, state: 'running', startedAt: running.startedAt?.toISOString() ?? null, finishedAt: null };
  }

  router.get('/admin/audit/verification', auth.requireAuth, async context => {
    context.body = await read();
  });

  // It changes nothing, but it reads the whole audit.
  router.post('/admin/audit/verification', auth.requireAdmin, async context => {
    await readJsonBody(context.req, z.strictObject({}));
    const { actor, address } = actorOf(context);
    await askQueues(redis, () => deps.upkeep.request('verify-audit', { requestedBy: actor, address }));
    context.status = 202;
    context.body = await read();
  });
}

function toAnswer(last: AuditVerification | null): VerificationAnswer {
  const broken = last?.report?.broken;
  const { error = null } = last ?? {};
  return {
    state: last?.outcome ?? 'never',
    startedAt: last?.startedAt.toISOString() ?? null,
    finishedAt: last?.finishedAt.toISOString() ?? null,
    requestedBy: last?.requestedBy ?? null,
    entries: last?.report?.entries ?? null,
    events: last?.report?.events ?? null,
    problems: broken ? [broken] : error === null ? [] : [{ what: 'unchecked', seq: null, message: error }],
  };
}
