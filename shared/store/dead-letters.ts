import pg from 'pg';
import type { LogEntry } from '../log/entry.ts';
import { type Details, toDetails, toSafeText } from '../runtime/details.ts';
import { messageOf } from '../runtime/operator-error.ts';
import type { Channel } from '../wire/channels.ts';
import { loadSql } from './sql.ts';

const INSERT = loadSql('insert-dead-letters');
const SELECT_PAGE = loadSql('select-dead-letters');
const SELECT_OPEN = loadSql('select-open-dead-letters');
const MARK = loadSql('mark-dead-letter');
const DROP = loadSql('drop-dead-letters');

const MAX_REASON = 2_000;
const LATEST_MS = Date.UTC(9999, 0);

/** What PostgreSQL refused: an entry, or a row that was made from one. */
export interface NewDeadLetter {
  readonly entry: LogEntry;
  /** The table that refused it; `events` means the entry as it is. */
  readonly target: string;
  readonly error: unknown;
  /** The row, where it is not the entry itself. */
  readonly row?: unknown;
}

export interface DeadLetter {
  readonly id: number;
  /** As it stood in the log, but for U+0000 in its attributes; `at` is NaN when PostgreSQL cannot hold it. */
  readonly entry: LogEntry;
  readonly target: string;
  readonly reason: string;
  readonly sqlstate: string | null;
  readonly details: Details | null;
  readonly createdAt: Date;
  readonly retriedAt: Date | null;
  readonly resolvedAt: Date | null;
}

interface LetterRow {
  id: number;
  channel: Channel;
  epoch: string;
  seq: number;
  at: Date | null;
  type: string;
  event: string | null;
  dn: string | null;
  call_id: string | null;
  body: Buffer;
  target: string;
  reason: string;
  sqlstate: string | null;
  details: Details | null;
  created_at: Date;
  retried_at: Date | null;
  resolved_at: Date | null;
}

/** In the transaction that goes on without them. One that is there already stays as it is. */
export async function insertDeadLetters(client: pg.ClientBase, letters: readonly NewDeadLetter[]): Promise<void> {
  const rows = letters.map(({ entry, target, error, row }) => ({
    channel: entry.channel,
    epoch: entry.epoch,
    seq: entry.seq,
    at: entry.at >= 0 && entry.at < LATEST_MS ? new Date(Math.trunc(entry.at)).toISOString() : null,
    type: toText(entry.type),
    event: toText(entry.event),
    dn: toText(entry.dn),
    call_id: toText(entry.call),
    target,
    ...reasonOf(error),
    details: row === undefined ? null : toDetails(row),
  }));
  const bodies = letters.map(({ entry }) => Buffer.from(entry.body, 'utf8'));
  await client.query(INSERT, [JSON.stringify(rows), bodies]);
}

/** Newest first, behind the id `before`. */
export async function selectDeadLetters(
  pool: pg.Pool | pg.ClientBase,
  page: {
    readonly channel?: Channel | undefined;
    /** Undefined: whether or not it was taken since. */
    readonly isResolved?: boolean | undefined;
    readonly before?: number | undefined;
    readonly limit: number;
  },
): Promise<DeadLetter[]> {
  const values = [page.channel ?? null, page.isResolved ?? null, page.before ?? null, page.limit];
  const { rows } = await pool.query<LetterRow>(SELECT_PAGE, values);
  return rows.map(toLetter);
}

/** Oldest first, behind the id `after`: in the order of the log, because what is made from entries may depend on it. */
export async function selectOpenDeadLetters(
  pool: pg.Pool,
  page: { readonly after: number; readonly limit: number },
): Promise<DeadLetter[]> {
  const { rows } = await pool.query<LetterRow>(SELECT_OPEN, [page.after, page.limit]);
  return rows.map(toLetter);
}

/** `refusal`: undefined when PostgreSQL took it now. */
export async function markDeadLetter(client: pg.ClientBase, id: number, refusal?: { error: unknown }): Promise<void> {
  const { reason, sqlstate } = refusal ? reasonOf(refusal.error) : { reason: null, sqlstate: null };
  await client.query(MARK, [id, refusal === undefined, reason, sqlstate]);
}

/** One step; returns how many rows went. */
export async function dropDeadLetters(
  pool: pg.Pool,
  channel: Channel,
  step: { before: Date; maxRows: number },
): Promise<number> {
  return (await pool.query(DROP, [channel, step.before, step.maxRows])).rowCount ?? 0;
}

function reasonOf(error: unknown): { reason: string; sqlstate: string | null } {
  const sqlstate = error instanceof pg.DatabaseError ? (error.code ?? null) : null;
  return { reason: toSafeText(messageOf(error), MAX_REASON), sqlstate };
}

function toText<Text extends string | null>(text: Text): Text {
  return (text?.replaceAll('\0', '\uFFFD') ?? null) as Text;
}

function toLetter(row: LetterRow): DeadLetter {
  const { id, channel, epoch, seq, at, type, event, dn, call_id: call, body } = row;
  const { target, reason, sqlstate, details } = row;
  return {
    id,
    entry: { channel, epoch, seq, type, at: at?.getTime() ?? Number.NaN, body: body.toString('utf8'), dn, call, event },
    target,
    reason,
    sqlstate,
    details,
    createdAt: row.created_at,
    retriedAt: row.retried_at,
    resolvedAt: row.resolved_at,
  };
}
