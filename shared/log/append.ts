import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Channel } from '../wire/channels.ts';
import { epochAt } from '../wire/position.ts';
import type { NewEntry, StateChange } from './entry.ts';
import type { LogKeys } from './keys.ts';
import { withScript } from './with-script.ts';

/**
 * One batch into one channel, atomically and once.
 *
 * The script knows a batch by writer id and writer sequence: the same batch sent again after a lost answer is skipped
 * and answers with the numbers it got the first time. Writers send one batch at a time and retry it unchanged.
 */
export interface AppendBatch {
  /** Names this writer among all; a new one for each process, kept by a spool that outlives it. */
  readonly writerId: string;
  /** Sequence of the first entry among all this writer ever wrote to the channel; starts at 1, no holes. */
  readonly firstWriterSeq: number;
  readonly entries: readonly NewEntry[];
  /** The highest log number this writer saw acknowledged; a log that ends below it was rolled back. */
  readonly highestKnownSeq: number;
}

export interface Appended {
  readonly epoch: string;
  /** Log numbers of the batch: contiguous, `lastSeq - entries.length + 1` to `lastSeq`. */
  readonly lastSeq: number;
  /** How many entries had been written by an earlier attempt. */
  readonly skipped: number;
  /** True when this append found the log new, lost or rolled back. */
  readonly beganEpoch: boolean;
}

/** How long a writer may take to retry: long enough for an outage over a weekend. */
const WRITER_MEMORY_SECONDS = 7 * 24 * 3600;

const APPEND = { numberOfKeys: 7, lua: readFileSync(new URL('./append.lua', import.meta.url), 'utf8') };

/** As append.lua tells the hashes apart. */
const STATE_CODE: Readonly<Record<StateChange['of'], string>> = { participants: 'p', calls: 'c', recovery: 'r' };

type AppendReply = [epoch: string, lastSeq: number, skipped: number, began: number];

interface ScriptedRedis {
  appendToLog(...args: (string | number)[]): Promise<AppendReply>;
}

/** What the append of a writer that has lost the lease fails with; nothing of the batch was written. */
export function isFenced(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('FENCED');
}

/** `run`: that of a writer that must have the lease (ingest-lease.ts); absent for one that needs none. */
export async function appendToLog(
  target: { redis: Redis; keys: LogKeys; channel: Channel; run?: string },
  batch: AppendBatch,
  nowMs: number = Date.now(),
): Promise<Appended> {
  const { redis, keys, channel, run = '' } = target;
  const args: (string | number)[] = [
    keys.log(channel),
    keys.meta(channel),
    keys.writer(channel, batch.writerId),
    keys.participants,
    keys.calls,
    keys.recovery,
    keys.ingestLease,
    batch.firstWriterSeq,
    batch.highestKnownSeq,
    epochAt(nowMs),
    nowMs,
    new Date(nowMs).toISOString(),
    WRITER_MEMORY_SECONDS,
    run,
    batch.entries.length,
  ];
  for (const entry of batch.entries) {
    const state = entry.state ?? [];
    args.push(
      entry.type,
      entry.at,
      entry.body,
      entry.dn ?? '',
      entry.call ?? '',
      entry.event ?? '',
      entry.trace ?? '',
      state.length,
    );
    for (const change of state) {
      args.push(STATE_CODE[change.of], change.field, change.value ?? '');
    }
  }
  const [epoch, lastSeq, skipped, began] = await withScript<ScriptedRedis>(redis, 'appendToLog', APPEND).appendToLog(
    ...args,
  );
  return { epoch, lastSeq, skipped, beganEpoch: began === 1 };
}
