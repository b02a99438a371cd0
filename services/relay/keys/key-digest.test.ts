import { expect, test } from 'vitest';
import { prefixOf, randomApiKey } from './api-key-format.ts';
import { createKeyDigest, isSameDigest } from './key-digest.ts';

test('a digest depends on the key and on the secret', () => {
  const [one, other] = [createKeyDigest('a'.repeat(32)), createKeyDigest('b'.repeat(32))];
  const apiKey = randomApiKey();
  expect(isSameDigest(one.digest(apiKey), createKeyDigest('a'.repeat(32)).digest(apiKey))).toBe(true);
  expect(isSameDigest(one.digest(apiKey), other.digest(apiKey))).toBe(false);
  expect(isSameDigest(one.digest(apiKey), one.digest(randomApiKey()))).toBe(false);
  expect(one.keyId).not.toBe(other.keyId);
  expect(one.keyId).toMatch(/^[0-9a-f]{16}$/);
});

test('a random key has a prefix, anything else has none', () => {
  const apiKey = randomApiKey();
  expect(prefixOf(apiKey)).toBe(apiKey.slice(5, 13));
  for (const text of ['', '3cxr_', apiKey.toUpperCase(), `${apiKey}0`, `${apiKey}\n`, apiKey.slice(0, -1)]) {
    expect(prefixOf(text)).toBeNull();
  }
});
