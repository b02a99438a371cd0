import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { extent } from './extent.ts';
import { type Command, storyOf } from './model/commands.ts';
import { playStory } from './model/play-story.ts';
import { report } from './row.ts';

/**
 * R6. Random histories of a log against the real relay on real stores, with a client on every transport. Must hold: what was
 * delivered and the gaps that were announced are together everything that matched, in order, once, and every transport tells
 * the same.
 *
 * MODEL_SEED and MODEL_PATH: one history again, as a failure names it. A failure is made smaller before it is told: for
 * minutes in the full run, and for a moment otherwise.
 */
/** Ten thousand take hours: a run of all faults ends this one after its time, `npm run chaos -- R6` does not. */
const CASES = Number(process.env.MODEL_CASES ?? 10_000);
const SECONDS = Number(process.env.MODEL_SECONDS ?? extent({ quick: 8, full: 900 }));
const STEPS = extent({ quick: { least: 8, most: 14 }, full: { least: 8, most: 45 } });
/** Histories wait for clients and stores most of the time. */
const AT_ONCE = process.env.MODEL_SEED === undefined ? extent({ quick: 1, full: 3 }) : 1;
/** Drawn from one seed; the next ones from the next. */
const CASES_PER_SEED = 10;
const SHRINKING_SECONDS = Number(process.env.MODEL_SHRINKING_SECONDS ?? extent({ quick: 20, full: 900 }));
const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 30));
const { MODEL_PATH } = process.env;

let played = 0;

/** Returns what is wrong with one of them, made as small as there is time for. */
async function playSeed(seed: number, endsAt: number): Promise<string | null> {
  let failedAt = 0;
  const property = fc.asyncProperty(storyOf(STEPS), async drawn => {
    if (performance.now() > (failedAt > 0 ? failedAt + SHRINKING_SECONDS * 1_000 : endsAt)) return;
    played += 1;
    try {
      await playStory(drawn);
    } catch (error) {
      if (failedAt === 0) console.error(`MODEL_SEED=${seed} fails, and is made smaller:`, error);
      failedAt ||= performance.now();
      throw error;
    }
  });
  const result = await fc.check(property, {
    ...{ seed, numRuns: CASES_PER_SEED, endOnFailure: false },
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  });
  if (!result.failed) return null;
  const told = result.counterexample?.[0].commands.map((command, index) => `${index} ${describe(command)}`).join('\n');
  const again = `MODEL_SEED=${seed} MODEL_PATH=${result.counterexamplePath}`;
  const why = String(result.errorInstance instanceof Error ? result.errorInstance.stack : result.errorInstance);
  return `${again} fails, made smaller ${result.numShrinks} times; its story:\n${told}\n${why}`;
}

test('every client gets everything that matched, once and in order, or is told what is missing', {
  timeout: (SECONDS + SHRINKING_SECONDS + 120) * 1_000,
}, async () => {
  const startedAt = performance.now();
  const endsAt = startedAt + SECONDS * 1_000;
  const failures: string[] = [];
  let seeds = 0;
  const isGoingOn = () =>
    failures.length === 0 &&
    seeds * CASES_PER_SEED < CASES &&
    performance.now() < endsAt &&
    (seeds === 0 || MODEL_PATH === undefined);
  const lane = async () => {
    while (isGoingOn()) {
      const seed = SEED + seeds;
      seeds += 1;
      const failure = await playSeed(seed, endsAt);
      if (failure) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  await report({
    ...{ fault: 'R6 model', load: `${played} histories`, seconds: Math.round((performance.now() - startedAt) / 1_000) },
    ...{ sent: null, logged: null, delivered: null, duplicated: 0, missing: failures.length, gaps: 0, healMs: null },
    note: `MODEL_SEED=${SEED}`,
  });
  expect(failures.join('\n')).toBe('');
  expect(played).toBeGreaterThan(0);
});

function describe(command: Command): string {
  return command.do === 'publish' ? `publish ${command.publications.length}` : JSON.stringify(command);
}
