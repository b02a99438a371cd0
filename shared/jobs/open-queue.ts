import { Queue } from 'bullmq';
import type { QueueName } from './catalogue.ts';
import type { JobsDeps } from './connection.ts';

/**
 * BullMQ keeps a stream of its own events per queue, answers included, which are large; nobody reads ours. How many are
 * kept stands in Redis, and whoever opens the queue last decides: so there is one way to open it.
 */
const EVENTS_KEPT = 1;

export function openQueue(name: QueueName, { connection, keys, logger }: JobsDeps): Queue {
  const queue = new Queue(name, {
    connection: connection.redis,
    prefix: keys.jobs,
    streams: { events: { maxLen: EVENTS_KEPT } },
  });
  queue.on('error', error => logger.debug({ queue: name, err: error }, 'job queue: Redis is away'));
  return queue;
}
