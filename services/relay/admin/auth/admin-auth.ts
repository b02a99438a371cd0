import type { AuditLog } from '@3cx-relay/shared/log/audit-log.ts';
import { type StoredAdminUser, selectAdminUserByName } from '@3cx-relay/shared/store/admin-users.ts';
import type { PostgresPool } from '@3cx-relay/shared/store/pool.ts';
import { ADMIN_COOKIE, CSRF_HEADER, type SignInRequest } from '@3cx-relay/shared/wire/admin/session.ts';
import type { Context, Middleware } from 'koa';
import koaJwt from 'koa-jwt';
import type { PasswordHash } from '../../passwords/password-hash.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { type AdminState, type SignedIn, toActor } from '../admin-state.ts';
import { type AdminTokens, createAdminTokens } from './admin-token.ts';
import { bearerOf } from './bearer.ts';
import { type CsrfTokens, createCsrfTokens } from './csrf-tokens.ts';
import { changesNothing } from './request-origin.ts';
import type { AdminSessions, SessionOrigin } from './sessions.ts';

export interface AdminAuthDeps {
  readonly pool: PostgresPool['pool'];
  readonly sessions: AdminSessions;
  readonly passwordHash: PasswordHash;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly now: () => number;
}

export type Credentials = Pick<SignInRequest, 'username' | 'password' | 'totp' | 'recoveryCode'>;

export type SignInResult =
  | { readonly ok: true; readonly signedIn: SignedIn; readonly token: string }
  | { readonly ok: false; readonly reason: 'invalid_credentials' };

/** Of random bytes that were thrown away, with the cost of a real one. */
const HASH_OF_NOBODY = '$2b$12$CJfwo6ME1BTizjTh8YCpiejmVKGFLb3sP.MFQQ80676EHL/Hsxfm.';

type AdminContext = Context & { state: AdminState };

/**
 * Who may use the panel and the admin API: signs people in with their password, and lets requests pass that carry the
 * token of a session that is in force.
 *
 * The token comes in the header `Authorization`, which no browser adds by itself, or in a cookie, which every browser
 * does: what the cookie authenticates changes something only with the CSRF token of the same session.
 */
export class AdminAuth {
  readonly #deps: AdminAuthDeps;
  readonly #tokens: AdminTokens;
  readonly #csrf: CsrfTokens;
  readonly #readToken: ReturnType<typeof koaJwt>;

  constructor(deps: AdminAuthDeps, { adminSecret }: { adminSecret: string }) {
    this.#deps = deps;
    this.#tokens = createAdminTokens(adminSecret, deps.now);
    this.#csrf = createCsrfTokens(adminSecret);
    this.#readToken = koaJwt(
      this.#tokens.verifiedWith({
        key: 'adminToken',
        passthrough: true,
        getToken: context => bearerOf(context.req) ?? context.cookies.get(ADMIN_COOKIE) ?? null,
      }),
    );
  }

  async signIn(credentials: Credentials, from: SessionOrigin): Promise<SignInResult> {
    const user = await selectAdminUserByName(this.#deps.pool, credentials.username);
    const isRight = await this.#compare(credentials.password, user);
    const session = user && isRight ? await this.#deps.sessions.begin(user, from) : null;
    if (!user || !session) return { ok: false, reason: 'invalid_credentials' };
    this.#deps.audit.write({
      action: 'sign_in',
      actor: toActor(session.user),
      address: from.address,
      target: `session:${session.id}`,
      outcome: 'done',
      details: {},
    });
    return { ok: true, signedIn: session, token: this.#tokens.sign({ ...session, userId: user.id }) };
  }

  async signOut(signedIn: SignedIn, address: string | null): Promise<void> {
    const { id, user } = signedIn;
    if (!(await this.#deps.sessions.end({ id, userId: user.id }))) return;
    this.#deps.audit.write({
      action: 'sign_out',
      actor: toActor(user),
      address,
      target: `session:${id}`,
      outcome: 'done',
      details: {},
    });
  }

  /** For what lives on a session longer than a request: `onEnd` is called within a second of its end. */
  hold(signedIn: SignedIn, onEnd: () => void): () => void {
    return this.#deps.sessions.hold(signedIn, onEnd);
  }

  csrfTokenOf({ id }: SignedIn): string {
    return this.#csrf.of(id);
  }

  /** Whoever is signed in; null when nobody is. @throws ProblemError `csrf_required` */
  async verify(context: AdminContext): Promise<SignedIn | null> {
    delete context.state.adminToken;
    await this.#readToken(context, async () => undefined);
    const token = this.#tokens.parse(context.state.adminToken);
    const session = token && (await this.#deps.sessions.find(token.sessionId));
    if (!token || session?.user.id !== token.userId) return null;
    this.#requireCsrfToken(context, session);
    return session;
  }

  /** Also for who must choose a password first; for routes by which he does, and no others. */
  readonly requireSession: Middleware<AdminState> = async (context, next) => {
    const signedIn = await this.verify(context);
    if (!signedIn) throw new ProblemError('unauthenticated', 'nobody is signed in, or the session is over: sign in');
    context.state.signedIn = signedIn;
    return next();
  };

  readonly requireAuth: Middleware<AdminState> = (context, next) =>
    this.requireSession(context, () => {
      if (context.state.signedIn?.user.mustChangePassword) {
        const detail = 'somebody else knows the password: choose another with POST /admin/account/password';
        throw new ProblemError('password_change_required', detail);
      }
      return next();
    });

  readonly requireAdmin: Middleware<AdminState> = (context, next) =>
    this.requireAuth(context, () => {
      if (context.state.signedIn?.user.role !== 'admin') {
        throw new ProblemError('forbidden', 'this is for users with the role admin');
      }
      return next();
    });

  /** bcrypt runs in every case: whether a name exists must not be told by the time that the answer takes. */
  async #compare(password: string, user: StoredAdminUser | null): Promise<boolean> {
    const { passwordHash } = this.#deps;
    const isEqual = await passwordHash.verify(password, user?.passwordHash ?? HASH_OF_NOBODY);
    const hasEnded = user?.passwordExpiresAt && user.passwordExpiresAt.getTime() <= this.#deps.now();
    return isEqual && user?.active === true && !hasEnded;
  }

  #requireCsrfToken(context: AdminContext, session: SignedIn): void {
    if (changesNothing(context.method) || bearerOf(context.req) !== null) return;
    if (this.#csrf.isOf(session.id, context.get(CSRF_HEADER))) return;
    const detail = `send the session's token in the header ${CSRF_HEADER}: GET /admin/session tells it`;
    throw new ProblemError('csrf_required', detail);
  }
}
