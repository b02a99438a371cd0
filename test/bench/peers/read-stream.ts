import { Redis } from 'ioredis';

const READ_COUNT = 500;
const BLOCK_MS = 1_000;

/** Hands over what is added to a stream from now on, in batches, for as long as the process lives. */
export async function readStream(
  order: { redisUrl: string; key: string },
  take: (events: Buffer[]) => void,
): Promise<void> {
  const redis = new Redis(order.redisUrl);
  let last = '$';
  for (;;) {
    const answer = await redis.xreadBuffer('COUNT', READ_COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', order.key, last);
    const entries = answer?.[0]?.[1] as [Buffer, Buffer[]][] | undefined;
    if (!entries?.length) continue;
    last = String(entries.at(-1)?.[0]);
    take(entries.map(([, fields]) => fields[1] as Buffer));
  }
}
