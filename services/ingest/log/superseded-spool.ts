import type { AppendBatch } from '@3cx-relay/shared/log/append.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { Spool } from './spool.ts';

/**
 * What waits in the spool file of an ingest after another one has written the log. What this one heard of the PBX is no
 * longer wanted: the other heard it, too, or has told the gap in which it lies and healed it by a snapshot and by records.
 * Behind entries of the other it would tell old news as new, a second time, and set the state back. What this process did
 * and what went wrong with it nobody else has written: audit and errors go in, late.
 */
export interface Superseded {
  /** Entries that were left out; some of them may have been written before. */
  readonly dropped: number;
  /** Unix ms of the first and the last of them. */
  readonly from: number | null;
  readonly to: number | null;
}

const HEARD_BY_ALL: ReadonlySet<Channel> = new Set<Channel>(['calls', 'health']);

/** Empties the spool. Called again after a failed append it goes on where it was; nothing is written twice. */
export async function clearSuperseded(
  spool: Spool,
  append: (channel: Channel, batch: AppendBatch) => Promise<unknown>,
): Promise<Superseded> {
  let [dropped, from, to]: [number, number | null, number | null] = [0, null, null];
  await spool.settled();
  for (let batch = await spool.read(); batch !== null; batch = await spool.read()) {
    const [first] = batch.entries;
    if (first && HEARD_BY_ALL.has(first.channel)) {
      dropped += batch.entries.length;
      from ??= first.entry.at;
      to = batch.entries.at(-1)?.entry.at ?? to;
    } else if (first) {
      await append(first.channel, {
        writerId: first.writerId,
        firstWriterSeq: first.writerSeq,
        entries: batch.entries.map(({ entry }) => entry),
        highestKnownSeq: 0,
      });
    }
    spool.advance(batch);
  }
  await spool.clear();
  return { dropped, from, to };
}
