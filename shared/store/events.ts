import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type LogEntry, toSendableBody } from '../log/entry.ts';
import type { Channel } from '../wire/channels.ts';
import { toCopyLine, toCopyTime } from './copy-line.ts';
import { loadSql } from './sql.ts';

const COPY_EVENTS = loadSql('copy-events');
const SELECT_UP = loadSql('select-events-up');
const SELECT_DOWN = loadSql('select-events-down');
const END_STALLED = loadSql('end-stalled-copies');
const PUT = loadSql('put-event');

const ROWS_AT_ONCE = 250;

/** One statement whatever the number of rows; they may span months, and epochs. */
export async function insertEvents(
  client: pg.PoolClient,
  channel: Channel,
  entries: readonly LogEntry[],
): Promise<void> {
  await pipeline(copyText(channel, entries), client.query(copyFrom(COPY_EVENTS)));
}

/**
 * Ends the connections of processes that froze in the middle of `insertEvents`, and hold locks that others wait for. No
 * limit of the server ends those: it heeds none while it waits for the rows of a copy, and does not call that idle.
 */
export async function endStalledInserts(client: pg.ClientBase, stalledMs: number): Promise<void> {
  await client.query(END_STALLED, [stalledMs]);
}

/** In pieces: PostgreSQL stores the first while the next is written. */
function* copyText(channel: Channel, entries: readonly LogEntry[]): Generator<string> {
  for (let from = 0; from < entries.length; from += ROWS_AT_ONCE) {
    const some = entries.slice(from, from + ROWS_AT_ONCE);
    const lines = some.map(({ epoch, seq, at, type, event, dn, call, body }) =>
      toCopyLine([channel, epoch, seq, toCopyTime(at), type, event, dn, call, body]),
    );
    yield lines.join('');
  }
}

/** Gives an entry that was stored as text its own body; false when there is no such entry. */
export async function putEvent(client: pg.ClientBase, entry: LogEntry): Promise<boolean> {
  const { rowCount } = await client.query(PUT, [entry.channel, entry.epoch, entry.seq, entry.body]);
  return rowCount !== 0;
}

/** A run of numbers of one epoch, both ends inclusive. */
export interface EventRange {
  readonly channel: Channel;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly newestFirst?: boolean;
}

interface EventRow {
  seq: number;
  type: string;
  at: number;
  event: string | null;
  dn: string | null;
  call_id: string | null;
  body: string;
}

/** Entries as they were copied from the log, their bodies byte by byte. */
export async function selectEvents(pool: pg.Pool, range: EventRange): Promise<LogEntry[]> {
  const { channel, epoch } = range;
  const { rows } = await pool.query<EventRow>({
    // Planned once for each connection: planning over the months takes longer than reading a page.
    name: range.newestFirst ? 'select-events-down' : 'select-events-up',
    text: range.newestFirst ? SELECT_DOWN : SELECT_UP,
    values: [channel, epoch, range.from, range.to, range.limit],
  });
  return rows.map(row => ({
    channel,
    epoch,
    seq: row.seq,
    type: row.type,
    at: Math.round(row.at),
    body: bodyToSend(row),
    dn: row.dn,
    call: row.call_id,
    event: row.event,
  }));
}

const UNSTORABLE = '{"unstorable":';

/** A body that json could not hold. */
export function toUnstorableBody(body: string): string {
  return JSON.stringify({ unstorable: body });
}

/** As it was written to the log. */
export function toBody(stored: string): string {
  if (!stored.startsWith(UNSTORABLE)) return stored;
  const { unstorable } = JSON.parse(stored) as { unstorable: unknown };
  return typeof unstorable === 'string' ? unstorable : stored;
}

/** The same for a client, who must be able to read it. */
export function bodyToSend({ body, at }: { readonly body: string; readonly at: number }): string {
  return toSendableBody(toBody(body), at);
}
