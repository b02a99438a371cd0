import { createBackoff } from '@3cx-relay/shared/runtime/retry.ts';

/**
 * How long to wait before dialling again, and with which kind of credentials.
 *
 * - A connection that had been healthy and broke is most often a restart of a proxy or one lost packet too many: the
 *   first attempt comes quickly. After that 5 s, growing to 30 s, for ever.
 * - A 401 on the upgrade throws the token away and tries once more quickly: an old token is the usual reason. Only when
 *   a fresh token is refused too is it worth trying Basic, which the published specification asks for and no V20 is
 *   known to accept (3cx.md C4). Minting at every attempt instead would kill the token that others use. What has worked
 *   before is not given up for a few refusals: a PBX that restarts may refuse everybody for a while.
 */
export type AuthScheme = 'bearer' | 'basic';

export interface ReconnectPlan {
  readonly scheme: AuthScheme;
  /** After a connection that was open for so long. */
  afterLoss(openMs: number): number;
  /** After an upgrade that was answered with a status instead of 101. */
  afterRefusal(status: number): number;
  /** After an attempt that met nobody: no token, no answer. */
  afterFailure(): number;
  /** The upgrade was accepted: this scheme is right. */
  succeeded(): void;
}

/** Shorter than this, and the server that accepted us threw us out: quick attempts would hammer it. */
const HEALTHY_AFTER_MS = 1_000;
/** So often a scheme that had worked may be refused, fresh tokens included, before the other one is tried. */
const PROVEN_REFUSALS = 4;

export function createReconnectPlan(options: {
  auth: 'auto' | 'bearer' | 'basic';
  quickMs: number;
  firstMs: number;
  maxMs: number;
  random?: () => number;
}): ReconnectPlan {
  const random = options.random ?? Math.random;
  const backoff = createBackoff({ firstMs: options.firstMs, maxMs: options.maxMs }, random);
  let scheme: AuthScheme = options.auth === 'basic' ? 'basic' : 'bearer';
  let isTokenFresh = false;
  let isProven = false;
  let refusals = 0;
  const quick = () => Math.round(options.quickMs / 4 + (random() * options.quickMs * 3) / 4);

  return {
    get scheme() {
      return scheme;
    },
    afterLoss(openMs) {
      if (openMs < HEALTHY_AFTER_MS) return backoff.next();
      backoff.reset();
      return quick();
    },
    afterRefusal(status) {
      if (status !== 401) return backoff.next();
      if (scheme === 'bearer' && !isTokenFresh) {
        isTokenFresh = true;
        return quick();
      }
      isTokenFresh = false;
      refusals += 1;
      if (options.auth === 'auto' && refusals >= (isProven ? PROVEN_REFUSALS : 1)) {
        scheme = scheme === 'bearer' ? 'basic' : 'bearer';
        isProven = false;
        refusals = 0;
      }
      return backoff.next();
    },
    afterFailure: () => backoff.next(),
    succeeded() {
      isTokenFresh = false;
      isProven = true;
      refusals = 0;
    },
  };
}
