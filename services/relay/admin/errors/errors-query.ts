import type { ErrorFilters } from '@3cx-relay/shared/errors/error-query.ts';
import { ERROR_SEVERITIES, errorsMatching } from '@3cx-relay/shared/wire/admin/errors.ts';
import { z } from 'zod';
import { wholeNumber } from '../../public/events-query.ts';
import { oneOf } from '../../public/history/one-of.ts';
import { parseQuery, type RawQuery } from '../../public/parse-query.ts';
import { ProblemError } from '../../public/problem-error.ts';
import { time } from '../../public/records/records-query.ts';

export const ERROR_FORMATS = ['json', 'ndjson', 'csv'] as const;

export type ErrorFormat = (typeof ERROR_FORMATS)[number];

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 50;

const errorsQuery = z.strictObject({
  severity: oneOf(ERROR_SEVERITIES),
  component: z
    .string()
    .transform(text => text.split(','))
    .pipe(errorsMatching.shape.component.unwrap())
    .optional(),
  acknowledged: z
    .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
    .transform(value => value === 'true' || value === '1')
    .optional(),
  text: errorsMatching.shape.text,
  from: time.optional(),
  to: time.optional(),
  limit: wholeNumber(1, MAX_LIMIT).optional(),
  cursor: z.string().max(128, 'must be the "next" of an earlier page').optional(),
  format: z.enum(ERROR_FORMATS, { error: `must be one of ${ERROR_FORMATS.join(', ')}` }).optional(),
});

export interface ErrorsRequest {
  readonly filters: ErrorFilters;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly format: ErrorFormat;
}

/** `accepted` is the format that the headers ask for. @throws ProblemError naming the parameter */
export function parseErrorsQuery(raw: RawQuery, accepted: ErrorFormat): ErrorsRequest {
  const { from, to, limit, cursor, format = accepted, ...others } = parseQuery(raw, errorsQuery);
  if (from !== undefined && to !== undefined && from > to) throw refused('from', 'must not be after "to"');
  if (format !== 'json' && limit !== undefined) throw refused('limit', `goes with format=json only, ${format} has all`);
  if (format !== 'json' && cursor !== undefined)
    throw refused('cursor', `goes with format=json only, ${format} has all`);
  return {
    filters: { ...others, from: toDate(from), to: toDate(to) },
    limit: limit ?? DEFAULT_LIMIT,
    cursor,
    format,
  };
}

/** The same of a body. @throws ProblemError naming the field */
export function toFilters({ from, to, ...others }: z.output<typeof errorsMatching>): ErrorFilters {
  const filters = { ...others, from: toDate(from), to: toDate(to) };
  if (filters.from && filters.to && filters.from > filters.to) {
    throw refused('matching.from', 'must not be after "matching.to"');
  }
  return filters;
}

function toDate(time: number | string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

function refused(field: string, message: string): ProblemError {
  return new ProblemError('invalid_request', `${field}: ${message}`, field);
}
