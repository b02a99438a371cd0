import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import {
  insertWallboard,
  type ListedWallboard,
  listWallboards,
  revokeWallboard,
} from '@3cx-relay/shared/store/wallboards.ts';
import {
  type NewWallboardAnswer,
  newWallboardRequest,
  type Wallboard,
} from '@3cx-relay/shared/wire/admin/wallboards.ts';
import type Router from '@koa/router';
import { isKeyId } from '../../keys/key-input.ts';
import { digestOfSecret, randomSecret } from '../../keys/random-secret.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { noParameters, parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, actorOf } from '../admin-state.ts';
import type { AdminAuth } from '../auth/admin-auth.ts';

export interface WallboardDeps {
  readonly auth: AdminAuth;
  readonly pool: PostgresPool['pool'];
  readonly audit: AuditLog;
  readonly now: () => number;
}

const DAY_MS = 86_400_000;

/** `/admin/wallboards`: the links that open the wallboard on a screen where nobody signs in. */
export function addWallboards(router: Router<AdminState>, { auth, pool, audit, now }: WallboardDeps): void {
  router.get('/admin/wallboards', auth.requireAdmin, async context => {
    parseQuery(context.query, noParameters);
    context.body = { wallboards: (await listWallboards(pool)).map(toAnswer) };
  });

  router.post('/admin/wallboards', auth.requireAdmin, async context => {
    const { name, expiresInDays } = await readJsonBody(context.req, newWallboardRequest);
    const token = randomSecret();
    const expiresAt = new Date(now() + expiresInDays * DAY_MS);
    const by = actorOf(context);
    const digest = Buffer.from(digestOfSecret(token) ?? '', 'hex');
    const id = await insertWallboard(pool, { name, digest, createdBy: by.actor.name, expiresAt });
    audit.write({
      ...{ action: 'wallboard.create', ...by, target: `wallboard:${id}`, outcome: 'done' },
      details: { name, expiresAt },
    });
    context.status = 201;
    context.body = {
      ...{ id, token, path: `#/wall/${token}`, expiresAt: expiresAt.toISOString() },
    } satisfies NewWallboardAnswer;
  });

  router.delete('/admin/wallboards/:id', auth.requireAdmin, async context => {
    const id = Number(context.params.id);
    const name = isKeyId(id) ? await revokeWallboard(pool, id) : null;
    if (name === null) throw new ProblemError('not_found', `there is no wallboard ${context.params.id} in force`);
    audit.write({
      ...{ action: 'wallboard.revoke', ...actorOf(context), target: `wallboard:${id}`, outcome: 'done' },
      details: { name },
    });
    context.status = 204;
  });
}

function toAnswer({ createdAt, expiresAt, lastSeenAt, revokedAt, ...rest }: ListedWallboard): Wallboard {
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
