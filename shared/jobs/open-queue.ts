import type { Queue } from 'bullmq';
import type { QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';
import { endWithin } from './end-within.ts';

/**
 * BullMQ keeps a stream of its own events per queue, answers included, which are large; nobody reads ours. How many are
 * kept stands in Redis, and whoever opens the queue last decides: so there is one way to open it.
 */
const EVENTS_KEPT = 1;
const CLOSE_MS = 500;

/**
 * A queue that the first who needs it opens. BullMQ is an eighth of all that a relay loads, and a relay that was killed
 * is to be back at once: its clients wait for it, while hours may pass before somebody makes a call or looks at queues.
 */
export interface OpenQueue {
  /** Waits for Redis. One that could not be opened is opened anew by the next who asks. */
  use(): Promise<Queue>;
  close(): Promise<void>;
}

export function openQueue(name: QueueName, deps: JobsDeps): OpenQueue {
  let opened: Promise<Queue> | undefined;
  return {
    use() {
      opened ??= open(name, deps).catch(error => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    close: () => endWithin(Promise.resolve(opened?.then(queue => queue.close())), CLOSE_MS),
  };
}

async function open(name: QueueName, { connection, keys, logger }: JobsDeps): Promise<Queue> {
  const { Queue } = await import('bullmq');
  const queue = new Queue(name, {
    connection: connection.redis,
    prefix: keys.jobs,
    streams: { events: { maxLen: EVENTS_KEPT } },
  });
  queue.on('error', error => logger.debug({ queue: name, err: error }, 'job queue: Redis is away'));
  try {
    await queue.waitUntilReady();
    return queue;
  } catch (error) {
    // It would repeat this failure for ever.
    void endWithin(queue.close(), CLOSE_MS);
    throw error;
  }
}
