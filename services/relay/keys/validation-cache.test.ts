import { expect, test } from 'vitest';
import type { Validation } from './validation.ts';
import { ValidationCache } from './validation-cache.ts';

const UNKNOWN: Validation = { ok: false, reason: 'unknown' };

const UNRESTRICTED = { expiresAt: null, dns: null, addresses: null, maxConnections: null, requestsPerSecond: null };

function accepted(id: number): Validation {
  return { ok: true, key: { ...UNRESTRICTED, id, clientName: 'CRM', permissions: ['read'] } };
}

test('a yes is fresh for 30 s and a no for 5 s, and both stay to be served stale', () => {
  let now = 0;
  const cache = new ValidationCache(10, () => now);
  cache.set('yes', accepted(1));
  cache.set('no', UNKNOWN);
  now = 4_999;
  expect(cache.get('no')).toEqual({ validation: UNKNOWN, isFresh: true });
  now = 5_000;
  expect(cache.get('no')).toEqual({ validation: UNKNOWN, isFresh: false });
  now = 29_999;
  expect(cache.get('yes')?.isFresh).toBe(true);
  now = 30_000;
  expect(cache.get('yes')?.isFresh).toBe(false);
  expect(cache.get('never')).toBeUndefined();
});

test('a stranger who tries keys displaces other strangers and no client', () => {
  const cache = new ValidationCache(3, () => 0);
  cache.set('client', accepted(1));
  for (let n = 0; n < 10; n += 1) cache.set(`try ${n}`, UNKNOWN);
  expect(cache.get('client')).toBeDefined();
  expect(cache.get('try 6')).toBeUndefined();
  expect(cache.get('try 7')).toBeDefined();
});

test('a key that turns invalid is no longer remembered as valid', () => {
  const cache = new ValidationCache(3, () => 0);
  cache.set('key', accepted(1));
  cache.set('key', { ok: false, reason: 'revoked' });
  expect(cache.get('key')?.validation).toEqual({ ok: false, reason: 'revoked' });
});

test('forgetting a key removes every answer about it and no other', () => {
  const cache = new ValidationCache(3, () => 0);
  cache.set('one', accepted(1));
  cache.set('two', accepted(2));
  cache.forgetKey(1);
  expect(cache.get('one')).toBeUndefined();
  expect(cache.get('two')).toBeDefined();
});
