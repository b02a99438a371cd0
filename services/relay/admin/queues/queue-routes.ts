import type { QueueInspector } from '@3cx-relay/shared/jobs/queue-report.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { type QueuesAnswer, retryRequest } from '@3cx-relay/shared/wire/admin/queues.ts';
import type Router from '@koa/router';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf, signedInOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { askQueues } from './ask-queues.ts';
import { maskNumbers, maskText } from './mask-numbers.ts';

export interface QueueRoutesDeps {
  readonly auth: AdminAuth;
  readonly redis: Redis;
  readonly inspector: QueueInspector;
  readonly audit: Pick<AuditLog, 'write'>;
}

const MAX_FAILED = 100;

/** `/admin/queues`: what the jobs are at, which failed, and trying those again. */
export function addQueues(router: Router<AdminState>, deps: QueueRoutesDeps): void {
  const { auth, redis, inspector } = deps;

  router.get('/admin/queues', auth.requireAuth, async context => {
    const [queues, failed] = await askQueues(redis, () =>
      Promise.all([inspector.report(), inspector.failed(MAX_FAILED)]),
    );
    const isMasked = signedInOf(context.state).user.role !== 'admin';
    context.body = {
      queues: queues.map(({ schedules, ...queue }) => ({
        ...queue,
        schedules: schedules.map(({ next, ...schedule }) => ({ ...schedule, next: next?.toISOString() ?? null })),
      })),
      failed: failed.map(({ at, data, reason, ...job }) => ({
        ...job,
        data: isMasked ? maskNumbers(data) : data,
        reason: isMasked ? maskText(reason) : reason,
        at: at?.toISOString() ?? null,
      })),
    } satisfies QueuesAnswer;
  });

  router.post('/admin/queues/retry', auth.requireAdmin, async context => {
    const request = await readJsonBody(context.req, retryRequest);
    const which = 'all' in request ? ('all' as const) : request;
    const retried = await askQueues(redis, () => inspector.retryFailed(which));
    if (which !== 'all' && retried === 0) {
      throw new ProblemError('not_found', `no failed job of ${which.queue} with this id may be retried`);
    }
    deps.audit.write({
      ...{ action: 'job.retry', ...actorOf(context), outcome: 'done' },
      target: which === 'all' ? null : `job:${which.queue}:${which.id}`,
      details: { retried },
    });
    context.body = { retried };
  });
}
