import type { JobQueue } from '@3cx-relay/shared/jobs/job-queue.ts';
import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import { type DeadLetter, selectDeadLetters } from '@3cx-relay/shared/store/dead-letters.ts';
import type { DeadLetterAnswer, DeadLettersAnswer } from '@3cx-relay/shared/wire/admin/queues.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { formatPosition } from '@3cx-relay/shared/wire/position.ts';
import type Router from '@koa/router';
import type pg from 'pg';
import { z } from 'zod';
import { wholeNumber } from '../../public/events-query.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { parseQuery } from '../../public/parse-query.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';
import { askQueues } from './ask-queues.ts';

export interface DeadLetterDeps {
  readonly auth: AdminAuth;
  readonly pool: pg.Pool;
  readonly redis: Redis;
  readonly upkeep: Pick<JobQueue<'upkeep'>, 'request'>;
  readonly audit: Pick<AuditLog, 'write'>;
}

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 50;
/** Characters of a body: what is larger was refused for its size, and its beginning says what it is. */
const MAX_BODY = 16_384;

const deadLettersQuery = z.strictObject({
  channel: z.enum(CHANNELS, { error: `must be one of ${CHANNELS.join(', ')}` }).optional(),
  resolved: z
    .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
    .transform(value => value === 'true' || value === '1')
    .optional(),
  before: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
  limit: wholeNumber(1, MAX_LIMIT).default(DEFAULT_LIMIT),
});

/** `/admin/dead-letters`: what PostgreSQL refused, and trying it again. */
export function addDeadLetters(router: Router<AdminState>, deps: DeadLetterDeps): void {
  const { auth } = deps;

  router.get('/admin/dead-letters', auth.requireAuth, async context => {
    const { channel, resolved: isResolved, before, limit } = parseQuery(context.query, deadLettersQuery);
    const found = await selectDeadLetters(deps.pool, {
      ...{ channel, isResolved, before },
      limit: limit + 1,
    });
    const letters = found.slice(0, limit);
    const next = found.length > limit ? (letters.at(-1)?.id ?? null) : null;
    context.body = { deadLetters: letters.map(toAnswer), next } satisfies DeadLettersAnswer;
  });

  router.post('/admin/dead-letters/retry', auth.requireAdmin, async context => {
    await readJsonBody(context.req, z.strictObject({}));
    await askQueues(deps.redis, () => deps.upkeep.request('retry-dead-letters', {}));
    deps.audit.write({
      ...{ action: 'dead_letters.retry', ...actorOf(context), target: null, outcome: 'done' },
      details: {},
    });
    context.status = 202;
    context.body = {};
  });
}

function toAnswer({ entry, createdAt, retriedAt, resolvedAt, ...letter }: DeadLetter): DeadLetterAnswer {
  const { channel, at, type, event, dn, call, body } = entry;
  return {
    ...letter,
    ...{ channel, position: formatPosition(entry), type, event, dn, call },
    at: Number.isNaN(at) ? null : new Date(at).toISOString(),
    body: body.length > MAX_BODY ? `${body.slice(0, MAX_BODY)}…` : body,
    createdAt: createdAt.toISOString(),
    retriedAt: retriedAt?.toISOString() ?? null,
    resolvedAt: resolvedAt?.toISOString() ?? null,
  };
}
