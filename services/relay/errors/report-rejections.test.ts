import type { IncomingHttpHeaders } from 'node:http';
import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { problem } from '@3cx-relay/shared/wire/problem.ts';
import { expect, test } from 'vitest';
import { reportRejections } from './report-rejections.ts';

test('many keys that are not valid within a minute are told once, and nothing of the keys', async () => {
  let now = 0;
  const told: string[] = [];
  const logger = createLogger({ name: 'test', level: 'silent' });
  const errors = { logError: (...what: unknown[]) => void told.push(JSON.stringify(what)) };
  const refuse = async () => ({ problem: problem('unauthenticated', 'no') });
  const authenticate = reportRejections(refuse, { logger, errors }, () => now);
  const ask = async (count: number, headers: IncomingHttpHeaders) => {
    for (let i = 0; i < count; i += 1) await authenticate(headers);
  };
  await ask(29, { authorization: 'Bearer k3y' });
  await ask(100, {});
  now = 61_000;
  await ask(29, { 'x-api-key': 'k3y' });
  expect(told).toEqual([]);
  await ask(500, { 'x-api-key': 'k3y' });
  expect(told).toEqual([expect.stringContaining('"warning"')]);
  expect(told[0]).not.toContain('k3y');
});
