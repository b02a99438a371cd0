import { createLogger } from '@3cx-relay/shared/runtime/logger.ts';
import { expect, test } from 'vitest';
import { createJobReport } from './report-jobs.ts';

test('a copy that goes on failing is critical after a while, another job at once, and both ends are told', () => {
  let now = 0;
  const told: string[] = [];
  const errors = { logError: (component: string, severity: string) => void told.push(`${component} ${severity}`) };
  const report = createJobReport({ logger: createLogger({ name: 'test', level: 'silent' }), errors }, () => now);
  const copy = { key: 'drain-calls', name: 'drain-channel', data: { channel: 'calls' } };
  const trim = { key: 'trim', name: 'trim-log', data: {} };
  report.onFailed(copy, new Error('away'));
  report.onCompleted(copy);
  expect(told).toEqual([]);
  for (now = 0; now < 10_000; now += 1_000) report.onFailed(copy, new Error('away'));
  expect(told).toEqual(['persist critical']);
  report.onFailed(trim, new Error('away'));
  report.onFailed(trim, new Error('away'));
  report.onCompleted(copy);
  report.onCompleted(copy);
  report.onCompleted(trim);
  expect(told).toEqual(['persist critical', 'upkeep error', 'persist info', 'upkeep info']);
});
