import { ADMIN_COOKIE, type SessionAnswer, signInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { cameOverTls } from '../../public/came-over-tls.ts';
import { clientAddress } from '../../public/client-address.ts';
import { readJsonBody } from '../../public/json-body.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, type SignedIn, signedInOf } from '../admin-state.ts';
import type { AdminAuth } from './admin-auth.ts';

/** `POST /admin/login`, `POST /admin/logout`, `GET /admin/session`. */
export function addSession(router: Router<AdminState>, { auth }: { auth: AdminAuth }): void {
  router.post('/admin/login', async context => {
    const { answer, ...credentials } = await readJsonBody(context.req, signInRequest);
    const result = await auth.signIn(credentials, originOf(context));
    if (!result.ok) throw new ProblemError(result.reason, 'the username or the password is wrong');
    const session = toSessionAnswer(auth, result.signedIn);
    if (answer === 'token') context.body = { ...session, token: result.token };
    else {
      setCookie(context, `${result.token}; Expires=${result.signedIn.expiresAt.toUTCString()}`);
      context.body = session;
    }
  });

  // Also without a session: whoever leaves must not be told that he was not there.
  router.post('/admin/logout', async context => {
    const signedIn = await auth.verify(context);
    if (signedIn) await auth.signOut(signedIn, clientAddress(context.req));
    setCookie(context, '; Max-Age=0');
    context.status = 204;
  });

  router.get('/admin/session', auth.requireSession, context => {
    context.body = toSessionAnswer(auth, signedInOf(context.state));
  });
}

export function originOf(context: Context): { address: string | null; userAgent: string | null } {
  return { address: clientAddress(context.req), userAgent: context.get('user-agent') || null };
}

export function toSessionAnswer(auth: AdminAuth, signedIn: SignedIn): SessionAnswer {
  const { user, expiresAt } = signedIn;
  return { user, csrfToken: auth.csrfTokenOf(signedIn), expiresAt: expiresAt.toISOString() };
}

/**
 * Written as text: Koa's own way refuses `Secure` on the plain connection that a proxy makes. For every path, because
 * behind a prefix nobody here knows what the browser calls ours.
 */
export function setCookie(context: Context, valueAndAge: string): void {
  const secure = cameOverTls(context.req) ? '; Secure' : '';
  context.append('set-cookie', `${ADMIN_COOKIE}=${valueAndAge}; Path=/; HttpOnly; SameSite=Strict${secure}`);
}
