import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { AxiosInstance, AxiosResponse } from 'axios';
import { tlsProblemOf } from './tls-problem.ts';

/**
 * The one owner of the PBX token. A 3CX knows one valid token per API client: a new one kills the one before it
 * (3cx.md C2), so nobody else mints, minting is single-flight, and a 401 that an older token earned does not throw a
 * newer one away.
 *
 * A token is refreshed while the one before it still lives. Where the PBX gives out no other, or takes long over it, the
 * present one goes on being used until it dies or is refused.
 */
export interface OAuthToken {
  /** A token with more than a minute to live, or the present one where the PBX gives out no other. @throws OperatorError PBX_UNREACHABLE, PBX_CERTIFICATE_REFUSED, PBX_CREDENTIALS_REFUSED, PBX_RIGHTS_MISSING, PBX_ANSWER_UNREADABLE */
  ensureValidToken(): Promise<string>;
  /** Unix ms at which the present token dies; 0 while there is none. */
  readonly tokenExpiry: number;
  /** The PBX refused this token; ignored when it is no longer the present one. */
  invalidate(token: string): void;
}

const REFRESH_AHEAD_MS = 60_000;
/** Less than the entity of a frame may take (INGEST_GET_DEADLINE_MS): who waits for the next token can still ask with this one. */
const PATIENCE_MS = 500;
/** After a failure callers get the same error for this long: thousands of waiting GETs must not each try to mint. */
const FAILURE_REMEMBERED_MS = 1_000;
/**
 * A PBX that refuses what it has just given out, or another program with our CLIENT_ID, earns every request a 401. Were a
 * token minted for each, every one of them would kill the one that the next request goes out with.
 */
const MAX_MINTS = 10;
const MINTS_WITHIN_MS = 10_000;

export function createOAuthToken(
  deps: { http: AxiosInstance; now?: () => number },
  credentials: { clientId: string; clientSecret: string },
): OAuthToken {
  const now = deps.now ?? Date.now;
  let token = '';
  let expiry = 0;
  let refreshAt = 0;
  let minting: { readonly fresh: Promise<string>; readonly patience: Promise<void> } | null = null;
  let failure: { error: unknown; until: number } | null = null;
  let minted: readonly number[] = [];

  const mint = async (): Promise<string> => {
    const requestedAt = now();
    // A time to come is one from before the clock was set back.
    minted = minted.filter(at => at <= requestedAt && requestedAt - at < MINTS_WITHIN_MS);
    if (minted.length >= MAX_MINTS) throw tokensRefused();
    minted = [...minted, requestedAt];
    const response = await requestToken(deps.http, credentials);
    const fresh = readToken(response, requestedAt);
    token = fresh.token;
    expiry = fresh.expiry;
    // A token that lives for two minutes or less is refreshed half way, or every call would mint.
    refreshAt = expiry - Math.min(REFRESH_AHEAD_MS, (expiry - requestedAt) / 2);
    return token;
  };

  const isAlive = () => token !== '' && now() < expiry;

  const beginMint = (): NonNullable<typeof minting> => {
    const { promise: patience, resolve: endPatience } = Promise.withResolvers<void>();
    const timer = setTimeout(endPatience, PATIENCE_MS);
    const fresh = mint()
      .then(fresh => {
        failure = null;
        return fresh;
      })
      .catch((error: unknown) => {
        failure = { error, until: now() + FAILURE_REMEMBERED_MS };
        throw error;
      })
      .finally(() => {
        clearTimeout(timer);
        minting = null;
      });
    return { fresh, patience };
  };

  return {
    async ensureValidToken() {
      if (token && now() < refreshAt) return token;
      if (failure && now() < failure.until) {
        if (isAlive()) return token;
        throw failure.error;
      }
      minting ??= beginMint();
      const { fresh, patience } = minting;
      if (!isAlive()) return fresh;
      try {
        await Promise.race([fresh, patience]);
      } catch (error) {
        if (!isAlive()) throw error;
      }
      // Refused meanwhile: there is only the next one.
      return isAlive() ? token : fresh;
    },
    get tokenExpiry() {
      return expiry;
    },
    invalidate(refused) {
      if (refused !== token) return;
      token = '';
      expiry = 0;
    },
  };
}

function tokensRefused(): OperatorError {
  return new OperatorError(
    'PBX_CREDENTIALS_REFUSED',
    'the PBX refuses the tokens that it has just given out (401): another program may sign in with the same CLIENT_ID, give the relay an API client of its own',
  );
}

async function requestToken(
  http: AxiosInstance,
  credentials: { clientId: string; clientSecret: string },
): Promise<AxiosResponse<string>> {
  const form = new URLSearchParams({
    client_id: credentials.clientId,
    client_secret: credentials.clientSecret,
    grant_type: 'client_credentials',
  });
  let response: AxiosResponse<string>;
  try {
    response = await http.post<string>('/connect/token', form.toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      timeout: 10_000,
      maxContentLength: 64 * 1024,
    });
  } catch (error) {
    // The cause is left out: axios puts the request, and with it the secret, into its error.
    const tlsProblem = tlsProblemOf(error);
    if (tlsProblem) throw new OperatorError('PBX_CERTIFICATE_REFUSED', tlsProblem);
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('PBX_UNREACHABLE', `the PBX did not answer at /connect/token: ${reason}`);
  }
  if (response.status === 200) return response;
  if (response.status === 400 || response.status === 401) {
    throw new OperatorError(
      'PBX_CREDENTIALS_REFUSED',
      `the PBX refused CLIENT_ID and CLIENT_SECRET (${response.status}): compare them with Integrations → API in the 3CX admin console`,
    );
  }
  if (response.status === 403) {
    throw new OperatorError(
      'PBX_RIGHTS_MISSING',
      'the PBX forbids this API client to sign in (403): call control needs an Enterprise licence and the tick "3CX Call Control API Access"',
    );
  }
  throw new OperatorError('PBX_UNREACHABLE', `the PBX answered ${response.status} at /connect/token`);
}

function readToken(response: AxiosResponse<string>, requestedAt: number): { token: string; expiry: number } {
  const answer = parseAnswer(response.data);
  const token = answer?.access_token;
  if (typeof token !== 'string' || token === '') {
    throw new OperatorError(
      'PBX_ANSWER_UNREADABLE',
      'the PBX answered /connect/token without an access_token: check that PBX_URL or FQDN is a 3CX V20',
    );
  }
  return { token, expiry: expiryOf(token, answer?.expires_in, requestedAt) };
}

function parseAnswer(text: string): { access_token?: unknown; expires_in?: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/**
 * `expires_in` means minutes up to 20.0.8 and seconds from 20.0.9 on (3cx.md C1), so the token's own `exp` counts,
 * measured by its own `iat`: a clock that is wrong on either side then does no harm.
 */
export function expiryOf(token: string, expiresIn: unknown, requestedAt: number): number {
  const claims = readClaims(token);
  if (claims?.exp !== undefined) {
    return claims.iat === undefined ? claims.exp * 1_000 : requestedAt + (claims.exp - claims.iat) * 1_000;
  }
  const stated = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : 60;
  return requestedAt + stated * (stated <= 600 ? 60_000 : 1_000);
}

/** The rights that the PBX wrote into the token; null when it is opaque or says nothing of them. */
export function rolesOf(token: string): readonly string[] | null {
  const roles = readClaims(token)?.role;
  return roles ?? null;
}

function readClaims(token: string): { exp?: number; iat?: number; role?: readonly string[] } | null {
  const payload = token.split('.')[1];
  if (!payload) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null) return null;
    const { exp, iat, role } = claims as { exp?: unknown; iat?: unknown; role?: unknown };
    return {
      ...(typeof exp === 'number' ? { exp } : {}),
      ...(typeof iat === 'number' ? { iat } : {}),
      ...(Array.isArray(role) ? { role: role.filter(name => typeof name === 'string') } : {}),
    };
  } catch {
    return null;
  }
}
