import { expect, test } from 'vitest';
import { waitFor } from '../../test/harness/wait-for.ts';
import { createOutageWatch } from './outage-watch.ts';

test('a short outage is no news, a long one is told once, and so is its end', async () => {
  let now = 0;
  let problem: string | null = null;
  let looks = 0;
  const told: string[] = [];
  const watch = createOutageWatch({
    problem() {
      looks += 1;
      if (problem === 'thrown') throw new Error('thrown');
      return problem;
    },
    everyMs: 1,
    tellAfterMs: 5_000,
    onOutage: what => told.push(what),
    onEnd: ms => told.push(`back after ${ms}`),
    now: () => now,
  });
  const look = async () => {
    const before = looks;
    await waitFor(() => looks > before + 2, { what: 'a look', everyMs: 1 });
  };
  problem = 'away';
  await look();
  now = 4_999;
  await look();
  problem = null;
  await look();
  expect(told).toEqual([]);
  problem = 'thrown';
  await look();
  now = 9_999;
  await look();
  await look();
  problem = null;
  now = 12_999;
  await look();
  expect(told).toEqual(['thrown', 'back after 8000']);
  watch.stop();
});
