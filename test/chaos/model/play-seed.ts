import fc from 'fast-check';
import { type Command, storyOf } from './commands.ts';
import { playStory } from './play-story.ts';

export type SeedOrder = {
  readonly seed: number;
  /** How many stories are drawn from it. */
  readonly stories: number;
  /** How long a story may be. */
  readonly steps: { readonly least: number; readonly most: number };
  /** After which no other story is begun. */
  readonly secondsLeft: number;
  /** How long a story that fails is made smaller. */
  readonly shrinkingSeconds: number;
  /** Of the one story to play, as a failure names it. */
  readonly path?: string;
};

/** `failure`: what is wrong with one of them, made as small as there was time for. */
export type SeedPlayed = { readonly played: number; readonly failure: string | null };

/** Plays stories one after the other until one fails, which is then made smaller, or the time is over. */
export async function playSeed(order: SeedOrder): Promise<SeedPlayed> {
  const { seed, path } = order;
  const endsAt = performance.now() + order.secondsLeft * 1_000;
  let failedAt = 0;
  let played = 0;
  const property = fc.asyncProperty(storyOf(order.steps), async drawn => {
    if (performance.now() > (failedAt > 0 ? failedAt + order.shrinkingSeconds * 1_000 : endsAt)) return;
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
    ...{ seed, numRuns: order.stories, endOnFailure: false },
    ...(path === undefined ? {} : { path }),
  });
  if (!result.failed) return { played, failure: null };
  const told = result.counterexample?.[0].commands.map((command, index) => `${index} ${describe(command)}`).join('\n');
  const again = `MODEL_SEED=${seed} MODEL_PATH=${result.counterexamplePath}`;
  const why = String(result.errorInstance instanceof Error ? result.errorInstance.stack : result.errorInstance);
  return { played, failure: `${again} fails, made smaller ${result.numShrinks} times; its story:\n${told}\n${why}` };
}

function describe(command: Command): string {
  return command.do === 'publish' ? `publish ${command.publications.length}` : JSON.stringify(command);
}
