import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Command, story } from './commands.ts';
import { playStory } from './play-story.ts';

/**
 * Random histories of a log against the real relay on real stores, with a client on every transport: what was delivered
 * and the gaps that were announced are together everything that matched, in order, once.
 *
 * MODEL_SECONDS: how long new stories are begun. MODEL_SEED: one story again, as a failure names it. MODEL_SHRINK=true:
 * looks for the shortest story that fails, which takes minutes.
 */
const seconds = Number(process.env.MODEL_SECONDS ?? 8);
const seed = process.env.MODEL_SEED === undefined ? null : Number(process.env.MODEL_SEED);
const isShrinking = process.env.MODEL_SHRINK === 'true';

it('every client gets everything that matched, once and in order, or is told what is missing', {
  timeout: (seconds + (isShrinking ? 3_600 : 120)) * 1_000,
}, async () => {
  const until = Date.now() + seconds * 1_000;
  const base = seed ?? Date.now() % 1_000_000_000;
  let stories = 0;
  do {
    await playSeed(base + stories);
    stories += 1;
  } while (seed === null && Date.now() < until);
  console.info(`${stories} stories from MODEL_SEED=${base}`);
  expect(stories).toBeGreaterThan(0);
});

async function playSeed(one: number): Promise<void> {
  if (isShrinking) return fc.assert(fc.asyncProperty(story, playStory), { seed: one, numRuns: 1 });
  const [drawn] = fc.sample(story, { seed: one, numRuns: 1 });
  try {
    if (drawn) await playStory(drawn);
  } catch (cause) {
    const told = drawn?.commands.map((command, index) => `${index} ${describe(command)}`).join('\n');
    throw new Error(`MODEL_SEED=${one} fails; its story:\n${told}`, { cause });
  }
}

function describe(command: Command): string {
  return command.do === 'publish' ? `publish ${command.publications.length}` : JSON.stringify(command);
}
