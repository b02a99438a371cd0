import { startProgram } from './child-program.ts';
import type { Publish, Published, PublisherOrder } from './publisher-process.ts';

/** A sender in another process. */
export interface Publisher {
  publish(what: Publish): Promise<Published>;
  stop(): Promise<void>;
}

export async function startPublisher(order: PublisherOrder): Promise<Publisher> {
  const program = startProgram<object>('load/publisher-process.ts', order);
  await program.ask('ready');
  return {
    async publish(publish) {
      const seconds = publish.perSecond > 0 ? publish.events / publish.perSecond : 60;
      const answer = await program.ask('published', { publish }, seconds * 1_000 + 120_000);
      return answer.published as Published;
    },
    stop: () => program.stop(),
  };
}
