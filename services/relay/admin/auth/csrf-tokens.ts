import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from './derive-key.ts';

/** The CSRF token of a session: computed from its id and stored nowhere, so that it can be told again at any time. */
export interface CsrfTokens {
  of(sessionId: string): string;
  isOf(sessionId: string, token: string): boolean;
}

export function createCsrfTokens(adminSecret: string): CsrfTokens {
  const key = deriveKey(adminSecret, 'csrf token');
  const of = (sessionId: string) => createHmac('sha256', key).update(sessionId).digest('base64url');
  return {
    of,
    isOf(sessionId, token) {
      const [expected, given] = [Buffer.from(of(sessionId)), Buffer.from(token)];
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}
