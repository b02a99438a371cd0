import { DIRECTIONS, DISPOSITIONS } from '@3cx-relay/shared/wire/call.ts';
import { CHANNELS } from '@3cx-relay/shared/wire/channels.ts';
import { z } from 'zod';
import { filters, list, wholeNumber } from '../events-query.ts';
import { parseQuery, type RawQuery } from '../parse-query.ts';
import { ProblemError } from '../problem-error.ts';
import { time } from '../records/records-query.ts';
import { oneOf } from './one-of.ts';

export const HISTORY_FORMATS = ['json', 'ndjson', 'csv', 'parquet'] as const;

export type HistoryFormat = (typeof HISTORY_FORMATS)[number];

const MAX_PAGE_ROWS = 1_000;
const DEFAULT_PAGE_ROWS = 100;
const MAX_EXPORT_ROWS = 1_000_000_000;

const cursor = z.string().max(128, 'must be a cursor that this route handed out').optional();

const common = {
  from: time.optional().describe('ISO 8601 with zone, or Unix ms, inclusive; default: the oldest that is kept.'),
  to: time.optional().describe('ISO 8601 with zone, or Unix ms, inclusive; default: the newest.'),
  after: cursor.describe('Only what is behind the row with this cursor.'),
  before: cursor.describe('Only what is before the row with this cursor.'),
  order: z
    .enum(['asc', 'desc'], 'must be asc or desc')
    .optional()
    .describe('The oldest or the newest first; default `desc` for JSON, `asc` for an export.'),
  limit: wholeNumber(1, MAX_EXPORT_ROWS)
    .optional()
    .describe(`Of a page of JSON: at most ${MAX_PAGE_ROWS}, default ${DEFAULT_PAGE_ROWS}. Of an export: all.`),
  format: z
    .enum(HISTORY_FORMATS, `must be one of ${HISTORY_FORMATS.join(', ')}`)
    .optional()
    .describe('Instead of the header `Accept`.'),
};

const number = list(filters.dn).describe('Telephone numbers, in any way of writing, separated by commas.');

export const callsHistoryQuery = z.strictObject({
  ...common,
  dn: list(filters.dn).describe('Extensions that took part, separated by commas.'),
  queue: list(filters.dn).describe('Queues and ring groups through which they came.'),
  number,
  call: list(filters.call).describe('Values of `callId`.'),
  direction: oneOf(DIRECTIONS),
  disposition: oneOf([...DISPOSITIONS, 'unknown'] as const).describe('`unknown`: it goes on, or nobody watched.'),
});

export const eventsHistoryQuery = z.strictObject({
  ...common,
  channel: z
    .enum(CHANNELS, { error: `must be one of ${CHANNELS.join(', ')}` })
    .default('calls')
    .describe('`calls` needs the permission `history`, `health` `read` or `monitor`, every other channel `monitor`.'),
  dn: list(filters.dn).describe('Extensions that took part, separated by commas.'),
  event: list(filters.event).describe('Events; of `audit`, actions.'),
  number,
  call: list(filters.call).describe('Values of `callId`.'),
  key: list(filters.dn)
    .refine(ids => !ids || ids.every(id => /^\d{1,9}$/.test(id)), 'must be ids of API keys, separated by commas')
    .describe('Ids of API keys; of `requests`, and of what they did in `audit`.'),
  component: list(filters.dn).describe('Of `health` and `errors`.'),
});

export const auditHistoryQuery = z.strictObject({
  ...common,
  action: list(filters.event).describe('Actions, separated by commas.'),
  actor: list(filters.call).describe('Names of users or keys.'),
  target: list(filters.call),
  outcome: list(filters.event),
});

export interface CommonQuery {
  readonly after: string | null;
  readonly before: string | null;
  readonly newestFirst: boolean;
  /** Null: everything, in an export. */
  readonly limit: number | null;
  readonly format: HistoryFormat;
}

type Common = z.infer<z.ZodObject<typeof common>>;

/** @throws ProblemError naming the parameter. `accepted` is the format that the headers ask for. */
export function parseHistoryQuery<Schema extends z.ZodType<Common>>(
  raw: RawQuery,
  schema: Schema,
  accepted: HistoryFormat,
): { query: CommonQuery; filters: z.output<Schema> } {
  const parsed = parseQuery(raw, schema);
  const { format = accepted, from, to, limit } = parsed;
  if (from !== undefined && to !== undefined && from > to) throw refused('from', 'must not be after "to"');
  if (format === 'json' && limit !== undefined && limit > MAX_PAGE_ROWS) {
    throw refused('limit', `must be at most ${MAX_PAGE_ROWS} for JSON; an export (ndjson, csv, parquet) may have more`);
  }
  return {
    filters: parsed,
    query: {
      after: parsed.after ?? null,
      before: parsed.before ?? null,
      newestFirst: (parsed.order ?? (format === 'json' ? 'desc' : 'asc')) === 'desc',
      limit: limit ?? (format === 'json' ? DEFAULT_PAGE_ROWS : null),
      format,
    },
  };
}

function refused(field: string, message: string): ProblemError {
  return new ProblemError('invalid_request', `${field}: ${message}`, field);
}
