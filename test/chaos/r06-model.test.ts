import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { extent } from './extent.ts';
import { playSeed } from './model/play-seed.ts';
import { startPlayers } from './model/players.ts';
import { report } from './row.ts';

/**
 * R6. Random histories of a log against the real relay on real stores, with a client on every transport. Must hold: what was
 * delivered and the gaps that were announced are together everything that matched, in order, once, and every transport tells
 * the same.
 *
 * MODEL_SEED and MODEL_PATH: one history again, as a failure names it. A failure is made smaller before it is told: for
 * minutes in the full run, and for a moment otherwise.
 */
/** Ten thousand take more than an hour: a run of all faults ends this one after its time, `npm run chaos -- R6` does not. */
const CASES = Number(process.env.MODEL_CASES ?? 10_000);
const SECONDS = Number(process.env.MODEL_SECONDS ?? extent({ quick: 8, full: 900 }));
const SHRINKING_SECONDS = Number(process.env.MODEL_SHRINKING_SECONDS ?? extent({ quick: 20, full: 900 }));
const STEPS = extent({ quick: { least: 8, most: 14 }, full: { least: 8, most: 45 } });
/** Drawn from one seed; the next ones from the next. */
const CASES_PER_SEED = 10;
const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 30));
const { MODEL_PATH } = process.env;
/** A world has some nine connections to PostgreSQL, which takes 200. */
const MAX_PROCESSES = 3;
const PROCESSES =
  MODEL_PATH === undefined ? extent({ quick: 0, full: Math.min(availableParallelism(), MAX_PROCESSES) }) : 0;
/** Of each process: histories wait for clients and stores most of the time. */
const AT_ONCE = 6;

test('every client gets everything that matched, once and in order, or is told what is missing', {
  timeout: (SECONDS + SHRINKING_SECONDS + 120) * 1_000,
}, async () => {
  const startedAt = performance.now();
  const passedSeconds = () => (performance.now() - startedAt) / 1_000;
  const players = startPlayers(PROCESSES);
  onTestFinished(() => players.stop());
  const play = PROCESSES === 0 ? playSeed : players.play;
  const failures: string[] = [];
  let played = 0;
  let seeds = 0;
  const isGoingOn = () =>
    failures.length === 0 &&
    seeds * CASES_PER_SEED < CASES &&
    passedSeconds() < SECONDS &&
    (seeds === 0 || MODEL_PATH === undefined);
  const lane = async () => {
    while (isGoingOn()) {
      const seed = SEED + seeds;
      seeds += 1;
      const result = await play({
        ...{ seed, stories: CASES_PER_SEED, steps: STEPS },
        ...{ secondsLeft: SECONDS - passedSeconds(), shrinkingSeconds: SHRINKING_SECONDS },
        ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
      });
      const thousands = Math.floor(played / 1_000);
      played += result.played;
      if (Math.floor(played / 1_000) > thousands) console.log(`${played} histories, ${Math.round(passedSeconds())} s`);
      if (result.failure) failures.push(result.failure);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, PROCESSES * AT_ONCE) }, lane));
  await report({
    ...{ fault: 'R6 model', load: `${played} histories`, seconds: Math.round(passedSeconds()) },
    ...{ sent: null, logged: null, delivered: null, duplicated: 0, missing: failures.length, gaps: 0, healMs: null },
    note: `MODEL_SEED=${SEED}`,
  });
  expect(failures.join('\n')).toBe('');
  expect(played).toBeGreaterThan(0);
});
