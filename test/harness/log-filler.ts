import { appendToLog } from '@3cx-relay/shared/log/append.ts';
import type { NewEntry } from '@3cx-relay/shared/log/entry.ts';
import { createLogKeys } from '@3cx-relay/shared/log/keys.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import { Redis } from 'ioredis';

export type LogFiller = {
  redis: Redis;
  keys: ReturnType<typeof createLogKeys>;
  /** Appends `count` call events, numbered from 1 over the filler's life in `call.n`. */
  fill(count: number, attributes?: Partial<NewEntry>): Promise<void>;
  append(entries: NewEntry[], channel?: Channel): Promise<void>;
  stop(): Promise<void>;
};

/** Writes to the log as ingest would, without a PBX. Two that write the same log need a `writerId` each. */
export function createLogFiller(target: { redisUrl: string; pbxId: string; writerId?: string }): LogFiller {
  const redis = new Redis(target.redisUrl);
  const keys = createLogKeys(target.pbxId);
  const written = new Map<Channel, { writerSeq: number; highest: number }>();
  let n = 0;

  async function append(entries: NewEntry[], channel: Channel = 'calls'): Promise<void> {
    const state = written.get(channel) ?? { writerSeq: 1, highest: 0 };
    const { lastSeq } = await appendToLog(
      { redis, keys, channel },
      {
        writerId: target.writerId ?? 'filler',
        firstWriterSeq: state.writerSeq,
        entries,
        highestKnownSeq: state.highest,
      },
    );
    written.set(channel, { writerSeq: state.writerSeq + entries.length, highest: lastSeq });
  }

  return {
    redis,
    keys,
    append,
    async fill(count, attributes = {}) {
      for (let left = count; left > 0; left -= 500) {
        const entries = Array.from({ length: Math.min(left, 500) }, (): NewEntry => {
          n += 1;
          const at = Date.now();
          const body = `{"at":"${new Date(at).toISOString()}","event":"call.updated","data":{"sequence":${n}},"participant":null,"call":{"n":${n}}}`;
          return { type: 'call_event', at, body, dn: '101', call: 'c1', event: 'call.updated', ...attributes };
        });
        await append(entries);
      }
    },
    stop: async () => void (await redis.quit()),
  };
}

/** The number that `fill` gave to the event of a message. */
export function numberIn(message: { [field: string]: unknown }): number {
  return (message.call as { n: number } | undefined)?.n ?? -1;
}
