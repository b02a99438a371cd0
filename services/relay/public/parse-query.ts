import { firstIssue, NO_NUL, NUL } from '@3cx-relay/shared/wire/client-messages.ts';
import { z } from 'zod';
import { ProblemError } from './problem-error.ts';

export type RawQuery = Readonly<Record<string, string | string[] | undefined>>;

/** For a route without parameters. */
export const noParameters = z.strictObject({});

/**
 * The query of a request as the schema wants it, and without U+0000 anywhere: most of it goes to PostgreSQL, which takes
 * no such text. @throws ProblemError naming the parameter
 */
export function parseQuery<Schema extends z.ZodType>(raw: RawQuery, schema: Schema): z.output<Schema> {
  const result = schema.safeParse({ ...raw });
  if (result.success) {
    // What the schema knows: of a parameter that is ignored nobody looks at the value.
    const field = Object.keys(Object(result.data)).find(name => hasNul(raw[name]));
    if (field !== undefined) throw new ProblemError('invalid_request', `${field}: ${NO_NUL}`, field);
    return result.data;
  }
  const { field, message } = firstIssue(result.error);
  throw new ProblemError('invalid_request', field ? `${field}: ${message}` : message, field);
}

function hasNul(value: string | string[] | undefined): boolean {
  return [value].flat().some(text => text?.includes(NUL));
}
