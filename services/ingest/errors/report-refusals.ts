import { announce } from '@3cx-relay/shared/errors/announce.ts';
import type { ErrorSink } from '@3cx-relay/shared/errors/error-sink.ts';
import type { Logger } from '@3cx-relay/shared/runtime/logger.ts';
import { OperatorError } from '@3cx-relay/shared/runtime/operator-error.ts';
import type { OAuthToken } from '../pbx/oauth-token.ts';

/** What waiting cannot mend: somebody has to change a setting, here or in the 3CX admin console. */
const REFUSALS: ReadonlySet<string> = new Set([
  'PBX_CREDENTIALS_REFUSED',
  'PBX_RIGHTS_MISSING',
  'PBX_CERTIFICATE_REFUSED',
]);

/** Told once by the token that meets it, and not by everybody who wanted one. */
export function isRefusal(error: unknown): boolean {
  return error instanceof OperatorError && REFUSALS.has(error.code);
}

export interface ReportedToken extends OAuthToken {
  /** The refusal that was told and still holds. */
  readonly refusal: string | null;
}

/** The same token; that the PBX refuses one is told once, and once that it does so no more. */
export function reportRefusals(
  token: OAuthToken,
  to: { logger: Logger; errors?: ErrorSink | undefined },
): ReportedToken {
  let refusal: string | null = null;
  return {
    get refusal() {
      return refusal;
    },
    async ensureValidToken() {
      try {
        const valid = await token.ensureValidToken();
        if (refusal) announce(to, { component: 'xapi', severity: 'info', message: 'the PBX gives out a token again' });
        refusal = null;
        return valid;
      } catch (error) {
        if (error instanceof OperatorError && isRefusal(error) && error.message !== refusal) {
          refusal = error.message;
          announce(to, { component: 'xapi', severity: 'critical', message: refusal, details: { code: error.code } });
        }
        throw error;
      }
    },
    get tokenExpiry() {
      return token.tokenExpiry;
    },
    invalidate: refused => token.invalidate(refused),
  };
}
