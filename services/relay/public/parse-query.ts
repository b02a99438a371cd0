import { firstIssue } from '@3cx-relay/shared/wire/client-messages.ts';
import { z } from 'zod';
import { ProblemError } from './problem-error.ts';

export type RawQuery = Readonly<Record<string, string | string[] | undefined>>;

/** For a route without parameters. */
export const noParameters = z.strictObject({});

/** The query of a request as the schema wants it. @throws ProblemError naming the parameter */
export function parseQuery<Schema extends z.ZodType>(raw: RawQuery, schema: Schema): z.output<Schema> {
  const result = schema.safeParse({ ...raw });
  if (result.success) return result.data;
  const { field, message } = firstIssue(result.error);
  throw new ProblemError('invalid_request', field ? `${field}: ${message}` : message, field);
}
