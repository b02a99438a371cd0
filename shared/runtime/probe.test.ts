import { expect, test } from 'vitest';
import { waitFor } from '../../test/harness/wait-for.ts';
import { createProbe } from './probe.ts';

test('a server that answers gives no reasons', () => {
  const probe = createProbe({ name: 'Redis', check: async () => 'PONG', now: () => 0 });
  expect(probe.reasons()).toEqual([]);
  probe.stop();
});

test('four seconds without an answer are a reason, and one answer ends it', async () => {
  let now = 0;
  let isAway = true;
  let asked = 0;
  const check = async () => {
    asked += 1;
    if (isAway) throw new Error('ECONNREFUSED');
  };
  const probe = createProbe({ name: 'Redis', check, everyMs: 5, now: () => now });
  await waitFor(() => asked > 2, { what: 'the server to be asked' });
  now = 3_999;
  expect(probe.reasons()).toEqual([]);
  now = 4_000;
  expect(probe.reasons()).toEqual(['Redis has not answered for 4 s: ECONNREFUSED']);
  isAway = false;
  await waitFor(() => probe.reasons().length === 0, { what: 'the reason to go' });
  probe.stop();
});
