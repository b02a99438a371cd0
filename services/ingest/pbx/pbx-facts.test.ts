import { expect, test, vi } from 'vitest';
import { watchPbxFacts } from './pbx-facts.ts';

const status = { extensionsTotal: 30, isLicenceActive: true };

test('XAPI is asked at the first snapshot, and again an hour later', async () => {
  let now = 1_000_000_000_000;
  let asked = 0;
  const getSystemStatus = async () => {
    asked += 1;
    return status as never;
  };
  const facts = watchPbxFacts({ getSystemStatus, getExtensionNumbers: async () => [] }, () => now);
  expect(facts.current).toMatchObject({ extensions: { monitored: null, total: null }, isLicenceActive: null });
  facts.snapshotTaken(['101', '102']);
  await Promise.resolve();
  facts.snapshotTaken(['101']);
  expect([asked, facts.current]).toMatchObject([1, { extensions: { monitored: 1, total: 30 }, isLicenceActive: true }]);
  now += 3_600_000;
  facts.snapshotTaken(['101']);
  expect(asked).toBe(2);
});

test('while XAPI does not answer, what is monitored is known all the same', async () => {
  const away = () => Promise.reject(new Error('away'));
  const facts = watchPbxFacts({ getSystemStatus: away, getExtensionNumbers: away });
  facts.snapshotTaken(['101']);
  await Promise.resolve();
  expect(facts.current).toEqual({
    extensions: { monitored: 1, total: null },
    missingExtensions: null,
    isLicenceActive: null,
  });
});

test('the first twenty extensions that the PBX has and a snapshot does not name are named', async () => {
  const numbers = Array.from({ length: 30 }, (_, n) => String(101 + n));
  const facts = watchPbxFacts({
    getSystemStatus: async () => status as never,
    getExtensionNumbers: async () => numbers,
  });
  facts.snapshotTaken([]);
  await vi.waitFor(() => expect(facts.current.missingExtensions).toEqual(numbers.slice(0, 20)));
  expect(facts.current.extensions.monitored).toBe(0);
  facts.snapshotTaken(numbers.slice(0, 28));
  expect(facts.current.missingExtensions).toEqual(['129', '130']);
});

test('where the list of extensions is not for this API client, the rest is known all the same', async () => {
  const facts = watchPbxFacts({
    getSystemStatus: async () => status as never,
    getExtensionNumbers: () => Promise.reject(new Error('forbidden')),
  });
  facts.snapshotTaken(['101']);
  await vi.waitFor(() => expect(facts.current.extensions.total).toBe(30));
  expect(facts.current.missingExtensions).toBeNull();
});

test('a list that was refused is asked for again after minutes, not after the hour of one that was read', async () => {
  let now = 1_000_000_000_000;
  let asked = 0;
  let isAllowed = false;
  const facts = watchPbxFacts(
    {
      getSystemStatus: async () => status as never,
      async getExtensionNumbers() {
        asked += 1;
        if (!isAllowed) throw new Error('forbidden');
        return ['101', '102'];
      },
    },
    () => now,
  );
  facts.snapshotTaken(['101']);
  await vi.waitFor(() => expect(asked).toBe(1));
  isAllowed = true;
  now += 300_000;
  facts.snapshotTaken(['101']);
  await vi.waitFor(() => expect(facts.current.missingExtensions).toEqual(['102']));
  now += 300_000;
  facts.snapshotTaken(['101']);
  expect(asked).toBe(2);
});
