import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { expect, test } from 'vitest';
import { reportRejections } from './report-rejections.ts';

test('many keys that are not valid within a minute are told once', () => {
  let now = 0;
  const told: string[] = [];
  const logger = createLogger({ name: 'test', level: 'silent' });
  const errors = { logError: (...what: unknown[]) => void told.push(JSON.stringify(what)) };
  const onRejected = reportRejections({ logger, errors }, () => now);
  const reject = (count: number) => {
    for (let i = 0; i < count; i += 1) onRejected();
  };
  reject(29);
  now = 61_000;
  reject(29);
  expect(told).toEqual([]);
  reject(500);
  expect(told).toEqual([expect.stringContaining('"warning"')]);
});
