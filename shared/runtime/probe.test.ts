import { expect, test } from 'vitest';
import { waitFor } from '../../test/harness/wait-for.ts';
import { createProbe } from './probe.ts';
import { SILENT_AFTER_MS } from './silence.ts';

test('a server that answers gives no reasons', () => {
  const probe = createProbe({ name: 'Redis', check: async () => 'PONG', now: () => 0 });
  expect(probe.reasons()).toEqual([]);
  probe.stop();
});

test('a server that is silent for too long is a reason, and one answer ends it', async () => {
  let now = 0;
  let isAway = true;
  let asked = 0;
  const check = async () => {
    asked += 1;
    if (isAway) throw new Error('ECONNREFUSED');
  };
  const probe = createProbe({ name: 'Redis', check, everyMs: 5, now: () => now });
  await waitFor(() => asked > 2, { what: 'the server to be asked' });
  now = SILENT_AFTER_MS - 1;
  expect(probe.reasons()).toEqual([]);
  now = SILENT_AFTER_MS;
  expect(probe.reasons()).toEqual(['Redis has not answered for 4 s: ECONNREFUSED']);
  isAway = false;
  await waitFor(() => probe.reasons().length === 0, { what: 'the reason to go' });
  probe.stop();
});
