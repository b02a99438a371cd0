import type { LogEntry } from '@3cx-relay/shared/log/entry.ts';
import { selectCalls } from '@3cx-relay/shared/store/call-history.ts';
import { isRefusedByData } from '@3cx-relay/shared/store/data-error.ts';
import { type EventBody, replaceEventBodies, selectEventsWithDigits } from '@3cx-relay/shared/store/erasure.ts';
import { readEventHistory } from '@3cx-relay/shared/store/event-history.ts';
import { toBody, toUnstorableBody } from '@3cx-relay/shared/store/events.ts';
import type { EventHistoryQuery } from '@3cx-relay/shared/store/history/criteria.ts';
import type { Channel } from '@3cx-relay/shared/wire/channels.ts';
import type { LogPosition } from '@3cx-relay/shared/wire/position.ts';
import type pg from 'pg';
import { type Pseudonym, pseudonymise } from './pseudonymise.ts';

export interface Erasing {
  readonly pool: pg.Pool;
  /** The number's digits, as toNumberKey makes them. */
  readonly key: string;
  readonly pseudonym: Pseudonym;
}

const PAGE = 200;

/** Entries of `calls` that name the number, and those of its calls, whatever they name. Returns how many changed. */
export async function eraseEventsOfNumber(erasing: Erasing): Promise<number> {
  let changed = await eraseFound(erasing, { channel: 'calls', numbers: [erasing.key] });
  for (let after: Parameters<typeof selectCalls>[2]['after'] = null; ; ) {
    const page = { after, before: null, newestFirst: false, limit: PAGE };
    const { calls, next } = await selectCalls(erasing.pool, { numbers: [erasing.key] }, page);
    const ids = calls.map(({ callId }) => callId);
    if (ids.length > 0) changed += await eraseFound(erasing, { channel: 'calls', calls: ids });
    if (!next) return changed;
    after = next;
  }
}

async function eraseFound(erasing: Erasing, query: EventHistoryQuery): Promise<number> {
  let changed = 0;
  for (let after: LogPosition | null = null; ; ) {
    const page = { after, before: null, newestFirst: false, limit: PAGE };
    const { entries, next }: { entries: LogEntry[]; next: LogPosition | null } = await readEventHistory(
      erasing.pool,
      query,
      page,
    );
    changed += await replace(erasing, query.channel, entries);
    if (!next) return changed;
    after = next;
  }
}

/** Of a channel whose entries are not indexed by number: all of them are looked through. */
export async function eraseEventsWithDigits(erasing: Erasing, channel: Channel): Promise<number> {
  let changed = 0;
  for (let after: LogPosition = { epoch: '', seq: 0 }; ; ) {
    const found = await selectEventsWithDigits(erasing.pool, channel, { digits: erasing.key, after, limit: PAGE });
    changed += await replace(
      erasing,
      channel,
      found.map(({ body, ...position }) => ({ ...position, body: toBody(body) })),
    );
    const last = found.at(-1);
    if (!last || found.length < PAGE) return changed;
    after = last;
  }
}

async function replace({ pool, pseudonym }: Erasing, channel: Channel, bodies: readonly EventBody[]): Promise<number> {
  const replaced = bodies.flatMap(({ epoch, seq, body }) => {
    const changed = pseudonymise(body, pseudonym);
    return changed === null ? [] : [{ epoch, seq, body: changed }];
  });
  for (const row of replaced) await replaceOne(pool, channel, row);
  return replaced.length;
}

/** A body that json refused before is refused again: it stays text. */
async function replaceOne(pool: pg.Pool, channel: Channel, row: EventBody): Promise<void> {
  try {
    await replaceEventBodies(pool, channel, [row]);
  } catch (error) {
    if (!isRefusedByData(error)) throw error;
    await replaceEventBodies(pool, channel, [{ ...row, body: toUnstorableBody(row.body) }]);
  }
}
