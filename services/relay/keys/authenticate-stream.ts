import type { Context } from 'koa';
import { cameOverTls } from '../public/came-over-tls.ts';
import type { Authenticated } from './authenticate.ts';
import { keyFrom } from './authenticate.ts';
import { forbiddenOrigin, type UpgradeAccess } from './authenticate-upgrade.ts';
import type { StreamPasses } from './stream-pass.ts';

/** The one route that takes `?ticket=` and the cookie. */
export const STREAM_PATH = '/relay/events/stream';
const COOKIE = 'relay_stream';

export type AuthenticateStream = (context: Context) => Promise<Authenticated>;

/**
 * Decides who may read the event stream: by a key in the headers, else by a ticket in the query, else by the pass that an
 * earlier answer left in the browser. Among several streams of one browser the last ticket decides for all that reconnect.
 */
export function createAuthenticateStream(access: UpgradeAccess & { passes: StreamPasses }): AuthenticateStream {
  const { passes } = access;

  /** An open stream may live longer than its pass, and must not find it expired when it reconnects. */
  function keepWhileOpen(context: Context, pass: string): void {
    const kept = passes.keep(pass);
    context.res.once('close', () => kept.stop());
  }

  return async context => {
    const { ticket } = context.query;
    const pass = context.cookies.get(COOKIE);
    if (keyFrom(context.headers) !== null || (ticket === undefined && pass === undefined)) {
      return access.authenticate(context.req);
    }
    if (!access.origins.allows(context.req)) return { problem: forbiddenOrigin() };
    if (typeof ticket === 'string') {
      const validation = await access.tickets.redeem(ticket);
      if (validation.ok) {
        const issued = await passes.issue(validation.key.id);
        setCookie(context, issued);
        keepWhileOpen(context, issued);
        return { key: validation.key };
      }
    }
    if (pass !== undefined) {
      const validation = await passes.check(pass);
      if (validation.ok) {
        keepWhileOpen(context, pass);
        return { key: validation.key };
      }
    }
    const detail =
      'the ticket is unknown, used or expired: get a new one from POST /relay/tickets and open the stream anew';
    return { problem: await access.refuseCredential(context.req, detail) };
  };
}

/** Written as text: Koa's own way refuses `Secure` on the plain connection that a proxy makes. No age: Redis knows it. */
function setCookie(context: Context, pass: string): void {
  const secure = cameOverTls(context.req) ? '; Secure' : '';
  context.append('set-cookie', `${COOKIE}=${pass}; Path=${STREAM_PATH}; HttpOnly; SameSite=Strict${secure}`);
}
