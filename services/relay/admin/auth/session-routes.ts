import { ADMIN_COOKIE, type SessionAnswer, signInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { cameOverTls } from '../../public/came-over-tls.ts';
import { clientAddress } from '../../public/client-address.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, type SignedIn, signedInOf } from '../admin-state.ts';
import { type AdminAuth, noSession } from './admin-auth.ts';
import { bearerOf } from './bearer.ts';
import { tooManySignIns } from './confirm-password.ts';

const WHY = {
  invalid_credentials: 'the username or the password is wrong',
  totp_required: 'a code of the second factor is needed: send it as totp, or a recovery code as recoveryCode',
  invalid_totp: 'this code is not right, or was used before: wait for the next one',
};

/** `POST /admin/login`, `POST /admin/logout`, `GET /admin/session`. */
export function addSession(router: Router<AdminState>, { auth }: { auth: AdminAuth }): void {
  router.post('/admin/login', async context => {
    const { answer, ...credentials } = await readJsonBody(context.req, signInRequest);
    // A program that asks for a token has a cookie only of a page, which goes on with it.
    const before = answer === 'token' && bearerOf(context.req) === null ? null : await auth.find(context);
    const result = await auth.signIn(credentials, originOf(context), before);
    if (!result.ok) {
      throw result.reason === 'too_many_sign_ins'
        ? tooManySignIns(result.retryAfterMs)
        : new ProblemError(result.reason, WHY[result.reason]);
    }
    context.body = handOver(context, auth, { signedIn: result.signedIn, answer });
  });

  router.post('/admin/logout', async context => {
    const signedIn = await auth.verify(context);
    // Also the cookie of a session that is over: whoever leaves keeps nothing.
    setCookie(context, '; Max-Age=0');
    if (!signedIn) throw noSession();
    await auth.signOut(signedIn, originOf(context));
    context.status = 204;
  });

  router.get('/admin/session', auth.requireSession, context => {
    context.body = toSessionAnswer(auth, signedInOf(context.state));
  });
}

export function originOf(context: Context): { address: string | null; userAgent: string | null } {
  return { address: clientAddress(context.req), userAgent: context.get('user-agent') || null };
}

/** The token of a new session goes into the cookie, or to a program that asked for it, never to both. */
export function handOver(
  context: Context,
  auth: AdminAuth,
  { signedIn, answer }: { signedIn: SignedIn; answer: 'cookie' | 'token' },
): SessionAnswer {
  const session = toSessionAnswer(auth, signedIn);
  const token = auth.tokenOf(signedIn);
  if (answer === 'token') return { ...session, token };
  setCookie(context, `${token}; Expires=${signedIn.expiresAt.toUTCString()}`);
  return session;
}

export function toSessionAnswer(auth: AdminAuth, signedIn: SignedIn): SessionAnswer {
  const { user, expiresAt } = signedIn;
  return { user, csrfToken: auth.csrfTokenOf(signedIn), expiresAt: expiresAt.toISOString() };
}

/**
 * Written as text: Koa's own way refuses `Secure` on the plain connection that a proxy makes. For every path, because
 * behind a prefix nobody here knows what the browser calls ours.
 */
function setCookie(context: Context, valueAndAge: string): void {
  const secure = cameOverTls(context.req) ? '; Secure' : '';
  context.append('set-cookie', `${ADMIN_COOKIE}=${valueAndAge}; Path=/; HttpOnly; SameSite=Strict${secure}`);
}
