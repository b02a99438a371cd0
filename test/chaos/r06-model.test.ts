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
/** Ten thousand take some hours: a run of all faults ends this one after its time, `npm run chaos -- R6` does not. */
const CASES = Number(process.env.MODEL_CASES ?? extent({ quick: 100_000, full: 10_000 }));
const SECONDS = Number(process.env.MODEL_SECONDS ?? extent({ quick: 8, full: 900 }));
const STEPS = extent({ quick: { least: 8, most: 14 }, full: { least: 25, most: 45 } });
const SHRINKING_SECONDS = extent({ quick: 20, full: 900 });
const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 31));
const { MODEL_PATH } = process.env;

test('every client gets everything that matched, once and in order, or is told what is missing', {
  timeout: (SECONDS + SHRINKING_SECONDS + 120) * 1_000,
}, async () => {
  const startedAt = performance.now();
  let played = 0;
  let firstFailure = 0;
  const property = fc.asyncProperty(storyOf(STEPS), async drawn => {
    // The time for new ones is over; what shrinks a failure has its own.
    const isShrinking = firstFailure > 0;
    if (performance.now() > (isShrinking ? firstFailure + SHRINKING_SECONDS * 1_000 : startedAt + SECONDS * 1_000))
      return;
    played += 1;
    try {
      await playStory(drawn);
    } catch (error) {
      if (firstFailure === 0) console.error(`MODEL_SEED=${SEED} fails, and is made smaller:`, error);
      firstFailure ||= performance.now();
      throw error;
    }
  });
  const result = await fc.check(property, {
    ...{ seed: SEED, numRuns: CASES, endOnFailure: false },
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
    markInterruptAsFailure: false,
  });
  await report({
    ...{ fault: 'R6 model', load: `${played} histories`, seconds: Math.round((performance.now() - startedAt) / 1_000) },
    ...{
      sent: null,
      logged: null,
      delivered: null,
      duplicated: 0,
      missing: result.failed ? 1 : 0,
      gaps: 0,
      healMs: null,
    },
    note: `MODEL_SEED=${SEED}`,
  });
  if (result.failed) {
    const told = result.counterexample?.[0].commands
      .map((command, index) => `${index} ${describe(command)}`)
      .join('\n');
    const again = `MODEL_SEED=${SEED} MODEL_PATH=${result.counterexamplePath}`;
    throw new Error(`${again} fails, made smaller ${result.numShrinks} times; its story:\n${told}`, {
      cause: result.errorInstance,
    });
  }
  expect(played).toBeGreaterThan(0);
});

function describe(command: Command): string {
  return command.do === 'publish' ? `publish ${command.publications.length}` : JSON.stringify(command);
}
