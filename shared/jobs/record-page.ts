import { z } from 'zod';
import { agentStateRecord, callRecord, RECORD_SOURCES } from '../wire/records.ts';

/**
 * One page of the PBX's records, asked for again and again: what has been read is named by a cursor, so that neither side
 * keeps anything between two pages.
 */

/** Who read the first page reads all: the sources do not count alike. `view` is CallHistoryView. */
export const RECORD_READERS = ['database', 'call-log', 'view'] as const;

export type RecordReader = (typeof RECORD_READERS)[number];

/** Behind which record to go on: records are in order of their start, and of their key where it is the same. */
export const recordCursor = z.strictObject({
  reader: z.enum(RECORD_READERS),
  /** Unix time in microseconds, as exact as the PBX's database. */
  at: z.int().nonnegative(),
  key: z.string().max(256),
  /** How much time the reader of XAPI takes at once: what suited the page before. */
  windowMs: z
    .int()
    .positive()
    .max(31 * 86_400_000)
    .optional(),
});

export type RecordCursor = z.infer<typeof recordCursor>;

export const MAX_PAGE_RECORDS = 1_000;

const anyOf = z.array(z.string().min(1).max(128)).min(1).max(256).nullable();

export const recordPageRequest = z.strictObject({
  /** Unix ms, both inclusive. */
  fromMs: z.int(),
  toMs: z.int(),
  /** One of these on either side; null: whoever. */
  dns: anyOf,
  numbers: anyOf,
  /** And one of these on either side: what the asker may see. Left out: everything, which an older ingest takes, too. */
  scopeDns: anyOf.optional(),
  limit: z.int().min(1).max(MAX_PAGE_RECORDS),
  cursor: recordCursor.nullable(),
  /** Unix ms after which nobody waits for the answer any more. */
  expiresAt: z.int(),
});

export type RecordPageRequest = z.infer<typeof recordPageRequest>;

export const callRecordsRequest = recordPageRequest.extend({ kind: z.enum(['cdr', 'call-history']) });

export type CallRecordsRequest = z.infer<typeof callRecordsRequest>;

function resultOf<Record extends z.ZodType>(record: Record) {
  return z.discriminatedUnion('ok', [
    z.strictObject({
      ok: z.literal(true),
      source: z.enum(RECORD_SOURCES),
      records: z.array(record),
      /** Null behind the last page. */
      next: recordCursor.nullable(),
    }),
    z.strictObject({ ok: z.literal(false), code: z.string(), message: z.string() }),
  ]);
}

export const callRecordsResult = resultOf(callRecord);

export const agentStatesResult = resultOf(agentStateRecord);
