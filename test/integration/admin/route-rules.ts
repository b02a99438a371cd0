/**
 * Every route of the admin API, with who may use it: the least that is asked of him, a request that is right, and the
 * status it is answered with. Tests are made of this table (every-route.test.ts), in its order.
 *
 * - `anyone`: signs in, or is let in by something else than a session.
 * - `session`: also whoever must choose another password first.
 * - `viewer`: whoever is signed in.
 * - `admin`: nobody else.
 */
export type RouteRule = {
  who: 'anyone' | 'session' | 'viewer' | 'admin';
  status: number;
  /** The parameters of the path. */
  params?: (things: Things) => Record<string, string | number>;
  body?: (things: Things) => unknown | Promise<unknown>;
};

/** What is there to be read and changed when the table is gone through. */
export type Things = {
  password: string;
  /** Somebody else than whoever asks. */
  bystander: number;
  keys: { used: number; rotated: number; revoked: number };
  errors: { one: string; other: string };
  wallboard: { id: number; token: string };
  /** The session of a client that is connected. */
  client: string;
  /** Another session of whoever asks. */
  ownSession: string;
  /** Offers whoever asks a second factor and returns its code. */
  offeredCode(): Promise<string>;
  /** A recovery code of whoever asks. */
  recoveryCode(): Promise<string>;
};

const nothing = () => ({});
const bystander = ({ bystander: id }: Things) => ({ id });
const password = ({ password: current }: Things) => ({ password: current });
/** Of whoever has a second factor by then. */
const bothFactors = async (things: Things) => ({ ...password(things), recoveryCode: await things.recoveryCode() });

/** The routes of the specification. */
export const SPECIFIED: Record<string, RouteRule> = {
  'POST /admin/login': { who: 'anyone', status: 401, body: () => ({ username: 'nobody', password: 'wrong' }) },
  'GET /admin/stats': { who: 'viewer', status: 200 },
  'GET /admin/connections': { who: 'viewer', status: 200 },
  'POST /admin/connections/:component/reconnect': {
    ...{ who: 'admin', status: 200, body: nothing },
    params: () => ({ component: 'xapi' }),
  },
  'GET /admin/errors': { who: 'viewer', status: 200 },
  'POST /admin/errors/:id/acknowledge': {
    ...{ who: 'admin', status: 200, body: nothing },
    params: ({ errors }) => ({ id: errors.one }),
  },
  'GET /admin/api-keys': { who: 'viewer', status: 200 },
  'POST /admin/api-keys': {
    ...{ who: 'admin', status: 201 },
    body: () => ({ clientName: 'made', permissions: ['read'] }),
  },
  'DELETE /admin/api-keys/:id': { who: 'admin', status: 204, params: ({ keys }) => ({ id: keys.revoked }) },
  'GET /admin/api-keys/:id/usage': { who: 'viewer', status: 200, params: ({ keys }) => ({ id: keys.used }) },
};

export const ROUTES: Record<string, RouteRule> = {
  ...SPECIFIED,
  'GET /admin/session': { who: 'session', status: 200 },
  'GET /admin/setup': { who: 'anyone', status: 200 },
  'POST /admin/setup': {
    ...{ who: 'anyone', status: 409 },
    body: () => ({ setupCode: '0000-0000-0000-0000', username: 'first', password: 'six purple elephants' }),
  },
  'GET /admin/account': { who: 'viewer', status: 200 },
  'GET /admin/account/sessions': { who: 'viewer', status: 200 },
  'DELETE /admin/account/sessions/:id': {
    ...{ who: 'viewer', status: 204 },
    params: ({ ownSession }) => ({ id: ownSession }),
  },
  'DELETE /admin/account/sessions': { who: 'viewer', status: 204 },
  'POST /admin/account/totp': { who: 'viewer', status: 200, body: password },
  'POST /admin/account/totp/confirm': {
    ...{ who: 'viewer', status: 200 },
    body: async ({ offeredCode }) => ({ code: await offeredCode() }),
  },
  'POST /admin/account/recovery-codes': { who: 'viewer', status: 200, body: bothFactors },
  'DELETE /admin/account/totp': { who: 'viewer', status: 204, body: bothFactors },
  'GET /admin/users': { who: 'admin', status: 200 },
  'POST /admin/users': { who: 'admin', status: 201, body: () => ({ username: 'made', role: 'viewer' }) },
  'PATCH /admin/users/:id': { who: 'admin', status: 200, params: bystander, body: () => ({ role: 'admin' }) },
  'POST /admin/users/:id/password': { who: 'admin', status: 200, params: bystander },
  'DELETE /admin/users/:id/totp': { who: 'admin', status: 204, params: bystander },
  'POST /admin/users/:id/unlock': { who: 'admin', status: 204, params: bystander },
  'GET /admin/users/:id/sessions': { who: 'admin', status: 200, params: bystander },
  'DELETE /admin/users/:id/sessions': { who: 'admin', status: 204, params: bystander },
  'POST /admin/tickets': { who: 'viewer', status: 201, body: nothing },
  'GET /admin/about': { who: 'viewer', status: 200 },
  'GET /admin/changelog': { who: 'viewer', status: 200 },
  'GET /admin/connections/:component/history': {
    ...{ who: 'viewer', status: 200 },
    params: () => ({ component: 'redis' }),
  },
  'GET /admin/errors/:id': { who: 'viewer', status: 200, params: ({ errors }) => ({ id: errors.one }) },
  'POST /admin/errors/acknowledge': {
    ...{ who: 'admin', status: 200 },
    body: ({ errors }) => ({ ids: [errors.other] }),
  },
  'GET /admin/queues': { who: 'viewer', status: 200 },
  'POST /admin/queues/retry': { who: 'admin', status: 200, body: () => ({ all: true }) },
  'GET /admin/dead-letters': { who: 'viewer', status: 200 },
  'POST /admin/dead-letters/retry': { who: 'admin', status: 202, body: nothing },
  'GET /admin/audit/verification': { who: 'viewer', status: 200 },
  'POST /admin/audit/verification': { who: 'admin', status: 202, body: nothing },
  'POST /admin/api-keys/:id/rotate': {
    ...{ who: 'admin', status: 201 },
    params: ({ keys }) => ({ id: keys.rotated }),
    body: () => ({ overlapMs: 60_000 }),
  },
  'GET /admin/clients': { who: 'viewer', status: 200 },
  'POST /admin/clients/:session/disconnect': {
    ...{ who: 'admin', status: 204 },
    params: ({ client }) => ({ session: client }),
  },
  'GET /admin/wallboards': { who: 'admin', status: 200 },
  'POST /admin/wallboards': { who: 'admin', status: 201, body: () => ({ name: 'Made', expiresInDays: 1 }) },
  'DELETE /admin/wallboards/:id': { who: 'admin', status: 204, params: ({ wallboard }) => ({ id: wallboard.id }) },
  'POST /admin/wallboards/open': {
    ...{ who: 'anyone', status: 401 },
    body: () => ({ token: 'of-nothing-that-was-ever-made-by-anybody-00' }),
  },
  // A screen has its link in place of a session (wallboards.test.ts).
  'GET /admin/wallboards/board': { who: 'viewer', status: 200 },
  'POST /admin/account/password': {
    ...{ who: 'session', status: 204 },
    body: ({ password: currentPassword }) => ({ currentPassword, newPassword: 'six purple elephants' }),
  },
  // The last, because it ends the session that asks.
  'POST /admin/logout': { who: 'session', status: 204 },
};
