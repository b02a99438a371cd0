import { startProgram } from './child-program.ts';
import type { Publish, Published, PublisherOrder } from './publisher-process.ts';

/** A sender in another process. */
export interface Publisher {
  publish(what: Publish): Promise<Published>;
  stop(): Promise<void>;
}

/** As slow as a sender may be that sends as fast as it can. */
const LEAST_PER_SECOND = 10_000;
const PATIENCE_MS = 120_000;

export async function startPublisher(order: PublisherOrder): Promise<Publisher> {
  const program = startProgram<object>('load/publisher-process.ts', order);
  await program.ask('ready');
  return {
    async publish(publish) {
      const seconds = publish.events / (publish.perSecond > 0 ? publish.perSecond : LEAST_PER_SECOND);
      const answer = await program.ask('published', { publish }, seconds * 1_000 + PATIENCE_MS);
      return answer.published as Published;
    },
    stop: () => program.stop(),
  };
}
