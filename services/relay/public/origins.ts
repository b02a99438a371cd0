import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { cameOverTls } from './came-over-tls.ts';

/** The web pages that may use the relay from a browser. */
export interface Origins {
  /** Also true of what sends no Origin: that is no page of another site, and needs its own credential as ever. */
  allows(request: IncomingMessage): boolean;
}

const EXAMPLE = 'must be origins such as https://crm.example.com,http://localhost:5173: scheme, host and port, no path';

/** `RELAY_ALLOWED_ORIGINS`: separated by commas. */
export const allowedOrigins = z
  .string()
  .default('')
  .transform(text =>
    text
      .split(',')
      .map(origin => origin.trim())
      .filter(origin => origin !== ''),
  )
  .refine(origins => origins.every(isOrigin), EXAMPLE);

export function createOrigins(allowed: readonly string[]): Origins {
  const names = new Set(allowed);
  return {
    allows(request) {
      const { origin } = request.headers;
      return origin === undefined || names.has(origin) || isOwnOrigin(origin, request);
    },
  };
}

/** A page that this relay, or the proxy before it, served. */
function isOwnOrigin(origin: string, request: IncomingMessage): boolean {
  const { host } = request.headers;
  if (host === undefined || !isOrigin(origin)) return false;
  // Without TLS in between nobody can tell the scheme: a proxy that terminates it may not say so.
  const schemes = cameOverTls(request) ? ['https'] : ['https', 'http'];
  return schemes.some(
    scheme => URL.canParse(`${scheme}://${host}`) && new URL(`${scheme}://${host}`).origin === origin,
  );
}

function isOrigin(text: string): boolean {
  // A URL parser takes a wildcard for a letter: it would be accepted and never match.
  if (text.includes('*') || !URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  return origin === text && (protocol === 'https:' || protocol === 'http:');
}
