import { Cluster, type Redis } from 'ioredis';

/**
 * What is asked of a server and not of a key. Of a Cluster it would go to any node, and the one that matters is that which
 * has our keys; of another kind of Redis there is only one.
 */

/** Resolves when the server that has `key` answers. */
export async function pingServerOf(redis: Redis, key: string): Promise<void> {
  await redis.exists(key);
}

/** A section of INFO of the server that has `key`. */
export function infoOfServer(redis: Redis, key: string, section: string): Promise<string> {
  if (asCluster(redis) === null) return redis.info(section);
  return redis.eval("return redis.call('INFO', ARGV[1])", 1, key, section) as Promise<string>;
}

/**
 * Publishes and returns how many subscribers there are. A node of a Cluster tells only of its own, and the others hear
 * the message all the same, which is why they are asked.
 */
export async function publishToAll(redis: Redis, channel: string, message: string): Promise<number> {
  const cluster = asCluster(redis);
  if (cluster === null) return redis.publish(channel, message);
  // One that does not answer has no subscriber who could hear this.
  const counts = await Promise.all(
    cluster.nodes('all').map(node => node.pubsub('NUMSUB', channel).catch(() => [channel, 0])),
  );
  await redis.publish(channel, message);
  return counts.reduce((sum, count) => sum + Number(count[1] ?? 0), 0);
}

function asCluster(redis: unknown): Cluster | null {
  return redis instanceof Cluster ? redis : null;
}
