import type { IncomingMessage } from 'node:http';

/** What stands behind `Authorization: Bearer`; null when nothing does. */
export function bearerOf({ headers }: IncomingMessage): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}
