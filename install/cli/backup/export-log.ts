import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type StreamEntry, seqOf } from '@3cx-relay/shared/log/entry.ts';
import { parseEpochs } from '@3cx-relay/shared/log/epochs.ts';
import { persistedUntil } from '@3cx-relay/shared/log/persisted.ts';
import { CHANNELS, type Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import type { openRedis } from '../stores.ts';
import type { BackupManifest } from './manifest.ts';

type Log = Pick<ReturnType<typeof openRedis>, 'redis' | 'keys'>;

/** One line of the export: an entry that PostgreSQL did not have when the export began. */
export interface ExportedEntry {
  readonly channel: Channel;
  readonly seq: number;
  /** Names and values in turn, as they stand in the stream. */
  readonly fields: string[];
}

/** Calls that go on, participants, and what ingest has still to recover, as they were at the heads of the log. */
export interface ExportedState {
  readonly calls: Record<string, string>;
  readonly participants: Record<string, string>;
  readonly recovery: Record<string, string>;
}

const PAGE = 500;

/**
 * What a log needs to go on from: heads, epochs, the state of calls, and every entry behind `persisted`. Whatever is
 * trimmed while this reads was persisted meanwhile, so that a dump of PostgreSQL that begins after this has it.
 *
 * @throws while Redis is away
 */
export async function exportLog(
  { redis, keys }: Log,
  persisted: ReadonlyMap<Channel, LogPosition>,
  files: { log: string; state: string },
): Promise<BackupManifest['log']> {
  const reading = redis.multi();
  for (const channel of CHANNELS) reading.hmget(keys.meta(channel), 'seq', 'epochs');
  reading.hgetall(keys.calls).hgetall(keys.participants).hgetall(keys.recovery);
  const replies = ((await reading.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  const [calls, participants, recovery] = replies.slice(CHANNELS.length) as Record<string, string>[];
  const state: ExportedState = { calls: calls ?? {}, participants: participants ?? {}, recovery: recovery ?? {} };
  await writeFile(files.state, JSON.stringify(state), { mode: 0o600 });

  const log: Partial<Record<Channel, { epochs: string; head: number; entries: number }>> = {};
  async function* lines(): AsyncGenerator<string> {
    for (const [n, channel] of CHANNELS.entries()) {
      const [seq, epochs] = replies[n] as [string | null, string | null];
      if (!epochs) continue;
      const head = Number(seq ?? 0);
      const described = { epochs, head, entries: 0 };
      log[channel] = described;
      let after = persistedUntil({ epochs: parseEpochs(epochs), head }, persisted.get(channel));
      while (after < head) {
        const page: StreamEntry[] = await redis.xrange(keys.log(channel), `${after + 1}-0`, `${head}-0`, 'COUNT', PAGE);
        for (const [id, fields] of page) {
          described.entries += 1;
          yield `${JSON.stringify({ channel, seq: seqOf(id), fields } satisfies ExportedEntry)}\n`;
        }
        const last = page.at(-1);
        if (!last) break;
        after = seqOf(last[0]);
      }
    }
  }
  await pipeline(lines(), createGzip(), createWriteStream(files.log, { mode: 0o600 }));
  return log;
}
