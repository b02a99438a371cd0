import type pg from 'pg';
import { withoutIndexes } from './without-indexes.ts';

/**
 * A year of calls as the persister leaves it, made by PostgreSQL itself: some 50 extensions of which few do most of the
 * work, ten entries a call, twenty calls at a time, 13 months. Bodies have what the index reads and about 250 bytes, a
 * fifth of a real one, so that ten million fit a small disk; the index is as large as with real ones.
 */
export interface FillOptions {
  readonly rows: number;
  /** Unix ms of the newest. */
  readonly until: number;
}

export const EPOCH = 'm5k2h7qa';
export const MONTHS = 13;
const MONTH_MS = (365.25 / 12) * 86_400_000;
/** One statement must not outgrow the memory of a small server. */
const STEP_ROWS = 500_000;

/** Unix ms of the first entry of so many months. */
export function beginning({ until }: FillOptions): number {
  return until - (MONTHS - 0.5) * MONTH_MS;
}

export function timeOf(options: FillOptions, seq: number): number {
  const from = beginning(options);
  return Math.floor(from + ((options.until - from) * seq) / options.rows);
}

/** The call, the extension and the numbers that the entry with this number has. */
export function callOf(seq: number): { callId: string; number: string } {
  const call = Math.floor(seq / 200) * 20 + (seq % 20);
  return { callId: `call-${call}`, number: `+4930${String((call * 7919) % 300_000).padStart(6, '0')}` };
}

export async function fillEvents(pool: pg.Pool, options: FillOptions): Promise<void> {
  const from = beginning(options);
  const steps = Array.from({ length: Math.ceil(options.rows / STEP_ROWS) }, (_, n) => n * STEP_ROWS + 1).values();
  const fill = async () => {
    for (const first of steps) {
      const last = Math.min(options.rows, first + STEP_ROWS - 1);
      await pool.query(FILL, [first, last, from, (options.until - from) / options.rows, EPOCH]);
    }
  };
  await withoutIndexes(pool, ['events'], () => Promise.all([fill(), fill()]));
  const position = "UPDATE log_positions SET epoch = $1, seq = $2 WHERE channel = 'calls'";
  await pool.query(position, [EPOCH, options.rows]);
  await pool.query("INSERT INTO log_epochs (channel, epoch, first_seq) VALUES ('calls', $1, 1)", [EPOCH]);
}

/** hashint8 makes every run the same; power(50, 0…1) makes the first extension 39 times as busy as the fiftieth. */
const FILL = `
  INSERT INTO events (channel, epoch, seq, at, type, event, dn, call_id, body)
  SELECT 'calls', $5, seq, at, 'call_event', event, dn, 'call-' || call, format(
    '{"at":"%s","event":"%s","data":null,"participant":null,"call":{"callId":"call-%s","direction":"inbound","caller":{"number":"%s","name":null,"dn":null},"callee":{"number":"%s","name":"Ada","dn":"%s"},"did":"+493090"}}',
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), event, call, number, own, own)::json
  FROM (
    SELECT seq, call, step, to_timestamp(floor($3::float8 + $4::float8 * seq) / 1000) AS at, number, own::text AS own,
      CASE WHEN step IN (2, 3, 4) AND chance < 60 THEN own || ',' || other ELSE own::text END AS dn,
      CASE
        WHEN step = 0 THEN 'call.started,call.ringing'
        WHEN step = 2 THEN CASE WHEN chance < 70 THEN 'call.answered' ELSE 'queue.offered' END
        WHEN step = 3 THEN CASE WHEN chance < 4 THEN 'call.transferred' WHEN chance < 8 THEN 'call.held' ELSE 'call.updated' END
        WHEN step = 4 THEN CASE WHEN chance < 3 THEN 'call.dtmf' WHEN chance < 7 THEN 'call.resumed' WHEN chance < 8 THEN 'queue.answered' ELSE 'call.updated' END
        WHEN step = 5 THEN CASE WHEN chance < 2 THEN 'extension.status' WHEN chance < 4 THEN 'queue.left' ELSE 'call.updated' END
        WHEN step = 6 THEN CASE WHEN chance < 1 THEN 'queue.joined' WHEN chance < 2 THEN 'call.recorded' ELSE 'pbx.event' END
        WHEN step = 9 THEN 'call.ended'
        ELSE 'call.updated'
      END AS event
    FROM (
      SELECT seq, seq / 200 * 20 + seq % 20 AS call, seq % 200 / 20 AS step,
        '+4930' || lpad(((seq / 200 * 20 + seq % 20) * 7919 % 300000)::text, 6, '0') AS number,
        abs(hashint8(seq)) % 100 AS chance,
        100 + floor(power(50::float8, abs(hashint8(seq / 200 * 20 + seq % 20)) / 2147483648::float8))::int AS own,
        100 + floor(power(50::float8, abs(hashint8(seq)) / 2147483648::float8))::int AS other
      FROM generate_series($1::bigint, $2::bigint) AS seq
    ) AS base
  ) AS entry`;
