import jwt from 'jsonwebtoken';
import type koaJwt from 'koa-jwt';
import { z } from 'zod';
import { deriveKey } from './derive-key.ts';

/**
 * The signed token of a session. It names the session and says nothing else that is believed: who its user is and what
 * he may do is asked of the session, so that a token is worth nothing once its session has ended.
 *
 * Everything about it is fixed (algorithm, issuer, audience, type), so that no other token signed with the same secret,
 * and none that chooses its own algorithm, passes for one.
 */
export interface AdminTokens {
  sign(session: { id: string; userId: number; createdAt: Date; expiresAt: Date }): string;
  /** The options of koa-jwt by which it verifies one. */
  verifiedWith(options: Omit<koaJwt.Options, 'secret'>): koaJwt.Options;
  /** Of what was verified; null when it is no token of ours after all. */
  parse(verified: unknown): { readonly sessionId: string; readonly userId: number } | null;
}

const ALGORITHM = 'HS256';
const TYPE = 'admin+jwt';
const ISSUER = '3cx-relay';
const AUDIENCE = '3cx-relay/admin';

const verifiedToken = z.object({
  header: z.object({ typ: z.literal(TYPE) }),
  payload: z.object({ sub: z.string().regex(/^\d{1,10}$/), sid: z.uuid(), exp: z.number() }),
});

export function createAdminTokens(adminSecret: string, now: () => number): AdminTokens {
  const secret = deriveKey(adminSecret, 'admin token');
  return {
    sign(session) {
      const times = { iat: toSeconds(session.createdAt.getTime()), exp: toSeconds(session.expiresAt.getTime()) };
      return jwt.sign({ sid: session.id, ...times }, secret, {
        algorithm: ALGORITHM,
        header: { alg: ALGORITHM, typ: TYPE },
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: String(session.userId),
      });
    },
    verifiedWith: options => ({
      ...options,
      ...{ secret, algorithms: [ALGORITHM], issuer: ISSUER, audience: AUDIENCE, complete: true },
      // Read anew by each verification.
      get clockTimestamp() {
        return toSeconds(now());
      },
    }),
    parse(verified) {
      const { success, data } = verifiedToken.safeParse(verified);
      return success ? { sessionId: data.payload.sid, userId: Number(data.payload.sub) } : null;
    },
  };
}

function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
