import type { Context } from 'koa';

/** The names under which a format is asked for in `Accept`; of NDJSON there are several, and none is registered. */
const MEDIA_TYPES = {
  json: ['application/json'],
  ndjson: ['application/x-ndjson', 'application/ndjson', 'application/jsonl'],
  csv: ['text/csv'],
  parquet: ['application/vnd.apache.parquet'],
} as const;

/** Which of the formats that a route has the client likes best; `json` where it names none of them. */
export function acceptedFormat<Format extends keyof typeof MEDIA_TYPES>(
  context: Pick<Context, 'accepts'>,
  formats: readonly Format[],
): Format | 'json' {
  const types = formats.flatMap(format => MEDIA_TYPES[format].map(type => ({ type, format })));
  const accepted = context.accepts(types.map(({ type }) => type));
  return types.find(({ type }) => type === accepted)?.format ?? 'json';
}
