import Koa from 'koa';
import { expect, test } from 'vitest';
import { acceptedFormat } from './accepted-format.ts';

const FORMATS = ['json', 'ndjson', 'csv'] as const;

function formatFor(accept: string): string {
  const app = new Koa();
  const request = { headers: { accept }, socket: {} } as never;
  return acceptedFormat(app.createContext(request, {} as never), FORMATS);
}

test.each([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['text/csv', 'csv'],
  ['text/csv;q=0.5, application/jsonl', 'ndjson'],
  ['*/*', 'json'],
  ['text/html', 'json'],
  ['application/vnd.apache.parquet', 'json'],
])('Accept: %s is answered in %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format);
});
