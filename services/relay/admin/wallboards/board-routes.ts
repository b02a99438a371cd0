import type { LogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Redis } from '@3cx-relay/shared/runtime/redis.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { findWallboard, type StoredWallboard, touchWallboard } from '@3cx-relay/shared/store/wallboards.ts';
import {
  type OpenWallboardAnswer,
  openWallboardRequest,
  WALLBOARD_COOKIE,
} from '@3cx-relay/shared/wire/admin/wallboards.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { createFailedKeys, type FailedKeysLimits } from '../../keys/failed-keys.ts';
import { digestOfSecret } from '../../keys/random-secret.ts';
import { cameOverTls } from '../../public/came-over-tls.ts';
import { clientAddress } from '../../public/client-address.ts';
import { isTimeZone } from '../../public/history/statistics-query.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { parseQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import type { AdminState } from '../admin-state.ts';
import { type AdminAuth, requireAllowed } from '../auth/admin-auth.ts';
import { createReadBoard } from './read-board.ts';

export interface BoardRoutesDeps {
  readonly auth: AdminAuth;
  readonly redis: Redis;
  readonly keys: LogKeys;
  readonly pool: PostgresPool['pool'];
  readonly now: () => number;
  readonly failedWallboards: FailedKeysLimits;
}

const boardQuery = z.strictObject({
  zone: z.string().max(64).refine(isTimeZone, 'must be a time zone such as Europe/Berlin').default('UTC'),
});

/**
 * What a screen asks for: `POST /admin/wallboards/open` turns the token of a link into a cookie, so that the token leaves
 * the address, and `GET /admin/wallboards/board` answers whoever has that cookie or is signed in. A link that ends or is
 * revoked gets no further answer. Strangers who guess are told to stay away.
 */
export function addBoard(router: Router<AdminState>, deps: BoardRoutesDeps): void {
  const { auth, pool, now } = deps;
  const readBoard = createReadBoard(deps);
  const failed = createFailedKeys(
    { redis: deps.redis, keys: { ...deps.keys, failedKeys: deps.keys.failedWallboards } },
    deps.failedWallboards,
  );

  async function find(context: Context, token: string | undefined): Promise<StoredWallboard | null> {
    const digest = token === undefined ? null : digestOfSecret(token);
    if (digest === null) return null;
    return failed.lookUp(clientAddress(context.req), () =>
      findWallboard(pool, { digest: Buffer.from(digest, 'hex'), now: new Date(now()) }),
    );
  }

  async function refuse(address: string | null): Promise<ProblemError> {
    const waitMs = await failed.count(address);
    const detail = 'this link of a wallboard is not valid, has ended or was revoked: ask an admin for a new one';
    const refused = new ProblemError('invalid_wallboard', detail);
    if (waitMs === 0) return refused;
    const tooMany = new ProblemError('too_many_failures', 'too many links that were not valid: try again later');
    return ProblemError.of({ ...tooMany.problem, retryAfterMs: waitMs });
  }

  async function requireSignedIn(context: Context & { state: AdminState }, token: string | undefined): Promise<void> {
    const signedIn = await auth.verify(context);
    if (signedIn) return requireAllowed(signedIn);
    if (token !== undefined) throw await refuse(clientAddress(context.req));
    throw new ProblemError('unauthenticated', 'open the wallboard by its link, or sign in');
  }

  router.post('/admin/wallboards/open', async context => {
    const { token } = await readJsonBody(context.req, openWallboardRequest);
    const wallboard = await find(context, token);
    if (!wallboard) throw await refuse(clientAddress(context.req));
    const secure = cameOverTls(context.req) ? '; Secure' : '';
    const ends = wallboard.expiresAt.toUTCString();
    context.append(
      'set-cookie',
      `${WALLBOARD_COOKIE}=${token}; Expires=${ends}; Path=/; HttpOnly; SameSite=Strict${secure}`,
    );
    context.body = {
      name: wallboard.name,
      expiresAt: wallboard.expiresAt.toISOString(),
    } satisfies OpenWallboardAnswer;
  });

  router.get('/admin/wallboards/board', async context => {
    const { zone } = parseQuery(context.query, boardQuery);
    const token = context.cookies.get(WALLBOARD_COOKIE);
    const wallboard = await find(context, token);
    if (wallboard) await touchWallboard(pool, wallboard.id, new Date(now()));
    else await requireSignedIn(context, token);
    context.body = await readBoard(zone);
  });
}
