import { randomBytes } from 'node:crypto';

/** `3cxr_` lets secret scanners recognise a key; 32 random bytes leave nothing to guess. */
const API_KEY = /^3cxr_([0-9a-f]{8})[0-9a-f]{56}$/;

export function randomApiKey(): string {
  return `3cxr_${randomBytes(32).toString('hex')}`;
}

/** The part of a key that is stored in the open and finds its row; null when this was never a key of ours. */
export function prefixOf(apiKey: string): string | null {
  return API_KEY.exec(apiKey)?.[1] ?? null;
}
