import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeSbomOfCheckout } from './sbom.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the packages of a lock file are told in CycloneDX, the same each time', async () => {
  const options = { seconds: 1_772_442_000 };
  const [one, other] = await Promise.all([makeSbomOfCheckout(root, options), makeSbomOfCheckout(root, options)]);
  expect(one).toBe(other);
  const { bomFormat, components, metadata } = JSON.parse(one);
  expect(bomFormat).toBe('CycloneDX');
  expect(metadata).toMatchObject({ timestamp: '2026-03-02T09:00:00.000Z', component: { name: '3cx-relay' } });
  const names = components.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(['koa', 'ioredis', 'pg', 'zod']));
  expect(names).not.toContain('vitest');
});
