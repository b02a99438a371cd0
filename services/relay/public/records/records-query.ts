import { MAX_PAGE_RECORDS } from '@3cx-relay/shared/jobs/record-page.ts';
import { z } from 'zod';
import { filters, list, wholeNumber } from '../events-query.ts';
import { parseQuery, type RawQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';

export const RECORD_FORMATS = ['json', 'ndjson', 'csv'] as const;

export type RecordFormat = (typeof RECORD_FORMATS)[number];

const DEFAULT_LIMIT = 100;
const DAY_MS = 86_400_000;

const WHEN = 'must be a time with its zone such as 2026-03-02T09:00:00Z, or Unix milliseconds';
const ZONED = z.iso.datetime({ offset: true });

/** Unix ms. Without a zone nobody knows which day was meant. */
export const time = z.string(WHEN).transform((text, context) => {
  // The + of a zone that was not encoded arrives as a space.
  const zoned = text.replace(/ (\d\d:?\d\d)$/, '+$1');
  const ms = /^\d{10,14}$/.test(text) ? Number(text) : ZONED.safeParse(zoned).success ? Date.parse(zoned) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: WHEN });
  return z.NEVER;
});

const common = {
  from: time.optional().describe('ISO 8601 with zone, or Unix ms; default: a day before `to`.'),
  to: time.optional().describe('Inclusive; default: now.'),
  dn: list(filters.dn).describe('Extensions on either side, comma-separated.'),
  limit: wholeNumber(1, MAX_PAGE_RECORDS).optional().describe('Of a page of JSON; default 100.'),
  cursor: z.string().max(1_024).optional().describe('The `next` of an earlier answer, with its `from` and `to`.'),
  format: z
    .enum(RECORD_FORMATS, `must be one of ${RECORD_FORMATS.join(', ')}`)
    .optional()
    .describe('Instead of the header `Accept`.'),
};

/** Of `GET /relay/cdr` and `GET /relay/call-history`. */
export const callRecordsQuery = z.strictObject({
  ...common,
  number: list(filters.dn).describe('Telephone numbers as the PBX writes them, comma-separated.'),
});

/** Of `GET /relay/agent-states`. */
export const agentStatesQuery = z.strictObject(common);

export interface RecordsQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly dns: string[] | null;
  readonly numbers: string[] | null;
  readonly limit: number;
  readonly cursor: string | null;
  readonly format: RecordFormat;
}

/** @throws ProblemError naming the parameter. `accepted` is the format that the headers ask for. */
export function parseRecordsQuery(
  raw: RawQuery,
  schema: typeof callRecordsQuery | typeof agentStatesQuery,
  { accepted, maxDays, now }: { accepted: RecordFormat; maxDays: number; now: number },
): RecordsQuery {
  const asked: z.infer<typeof callRecordsQuery> = parseQuery(raw, schema);
  const { limit, cursor, format = accepted } = asked;
  if (limit !== undefined && format !== 'json') {
    throw refused('limit', `goes with format=json only, ${format} holds everything from "from" to "to"`);
  }
  for (const bound of ['from', 'to'] as const) {
    if (cursor !== undefined && asked[bound] === undefined) {
      throw refused(bound, 'is required with a cursor: the same as for the page before');
    }
  }
  const toMs = asked.to ?? now;
  const fromMs = asked.from ?? toMs - DAY_MS;
  if (fromMs >= toMs) throw refused('from', 'must be before "to"');
  if (toMs - fromMs > maxDays * DAY_MS) {
    throw refused('to', `must be at most ${maxDays} days after "from" (RELAY_MAX_RECORDS_DAYS)`);
  }
  return {
    fromMs,
    toMs,
    dns: asked.dn ?? null,
    numbers: asked.number?.map(withPlus) ?? null,
    limit: limit ?? DEFAULT_LIMIT,
    cursor: cursor ?? null,
    format,
  };
}

/** A + that was not encoded arrives as a space, and no number begins with one. */
function withPlus(number: string): string {
  return number.replace(/^ /, '+');
}

function refused(field: string, message: string): ProblemError {
  return new ProblemError('invalid_request', `${field}: ${message}`, field);
}
