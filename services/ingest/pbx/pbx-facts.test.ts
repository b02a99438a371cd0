import { expect, test } from 'vitest';
import { watchPbxFacts } from './pbx-facts.ts';

const status = { extensionsTotal: 30, isLicenceActive: true };

test('XAPI is asked at the first snapshot, and again an hour later', async () => {
  let now = 1_000_000_000_000;
  let asked = 0;
  const getSystemStatus = async () => {
    asked += 1;
    return status as never;
  };
  const facts = watchPbxFacts({ getSystemStatus }, () => now);
  expect(facts.current).toEqual({ extensions: { monitored: null, total: null }, isLicenceActive: null });
  facts.snapshotTaken(['101', '102']);
  await Promise.resolve();
  facts.snapshotTaken(['101']);
  expect([asked, facts.current]).toEqual([1, { extensions: { monitored: 1, total: 30 }, isLicenceActive: true }]);
  now += 3_600_000;
  facts.snapshotTaken(['101']);
  expect(asked).toBe(2);
});

test('while XAPI does not answer, what is monitored is known all the same', async () => {
  const facts = watchPbxFacts({ getSystemStatus: () => Promise.reject(new Error('away')) });
  facts.snapshotTaken(['101']);
  await Promise.resolve();
  expect(facts.current).toEqual({ extensions: { monitored: 1, total: null }, isLicenceActive: null });
});
