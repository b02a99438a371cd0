import type { IncomingMessage } from 'node:http';
import { firstIssue, NO_NUL, NUL } from '@3cx-relay/shared/wire/client-messages.ts';
import type { z } from 'zod';
import { ProblemError } from './problem-error.ts';

const MAX_BODY_BYTES = 64 * 1024;

/**
 * The body of a request as the schema wants it, and without U+0000 anywhere, which PostgreSQL takes in no text; an empty
 * body counts as `{}`. @throws ProblemError naming the field
 */
export async function readJsonBody<Schema extends z.ZodType>(
  request: IncomingMessage,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await readText(request);
  const result = schema.safeParse(text.trim() === '' ? {} : parseJson(text));
  if (result.success) {
    const field = fieldWithNul(result.data);
    if (field !== null) throw new ProblemError('invalid_request', `${field}: ${NO_NUL}`, field);
    return result.data;
  }
  const { field, message } = firstIssue(result.error);
  throw new ProblemError('invalid_request', field ? `${field}: ${message}` : message, field);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        throw new ProblemError('payload_too_large', `the body must not be longer than ${MAX_BODY_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ProblemError || request.complete) throw error;
    // Node says ECONNRESET, which a store that is away says, too.
    throw new ProblemError('invalid_request', 'the body broke off before its end');
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError('invalid_request', 'the body must be a JSON object');
  }
}

/** Of what a schema let pass, so that it is not deep. */
function fieldWithNul(value: unknown, path: readonly string[] = []): string | null {
  if (typeof value === 'string') return value.includes(NUL) ? path.join('.') : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    if (name.includes(NUL)) return path.join('.');
    const found = fieldWithNul(member, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}
