import { setTimeout as sleep } from 'node:timers/promises';
import { readLogInfo } from '@3cx-relay/shared/log/log-info.ts';
import { persistedUntil, readPersisted } from '@3cx-relay/shared/log/persisted.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { openRedis } from '../stores.ts';

type Log = Pick<ReturnType<typeof openRedis>, 'redis' | 'keys'>;

const LOOK_EVERY_MS = 500;

/** Heads of all channels. @throws while Redis is away */
export async function readHeads({ redis, keys }: Log): Promise<ReadonlyMap<Channel, number>> {
  const infos = await Promise.all(CHANNELS.map(channel => readLogInfo(redis, keys, channel)));
  return new Map(infos.map(({ channel, head }) => [channel, head]));
}

/**
 * Waits until the log has grown behind `before` (ingest writes a look at its connections every few seconds), where it
 * must, and what stood in it is in PostgreSQL: events come in, and go on.
 *
 * @throws Error that says what does not move
 */
export async function waitForProgress(
  log: Log,
  from: { readonly before: ReadonlyMap<Channel, number>; readonly mustGrow: boolean },
  deadline: number,
): Promise<void> {
  let reason = '';
  do {
    try {
      const stuck = await findStuck(log, from);
      if (stuck === null) return;
      reason = stuck;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    await sleep(LOOK_EVERY_MS);
  } while (Date.now() < deadline);
  throw new Error(`the log does not go on: ${reason}`);
}

async function findStuck(
  log: Log,
  { before, mustGrow }: { readonly before: ReadonlyMap<Channel, number>; readonly mustGrow: boolean },
): Promise<string | null> {
  const persisted = await readPersisted(log.redis, log.keys);
  const infos = await Promise.all(CHANNELS.map(channel => readLogInfo(log.redis, log.keys, channel)));
  if (mustGrow && !infos.some(({ channel, head }) => head > (before.get(channel) ?? 0)))
    return 'nothing was written since the start';
  const behind = infos.filter(info => {
    const from = before.get(info.channel) ?? 0;
    return info.head > 0 && persistedUntil(info, persisted.get(info.channel)) < Math.min(from, info.head);
  });
  if (behind.length === 0) return null;
  return `PostgreSQL does not get ${behind.map(({ channel }) => channel).join(', ')}`;
}
