import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';

const MAX_BODY_BYTES = 1024 * 1024;

/** What the sender has to change, one entry per field. */
export class BadInput extends Error {
  readonly status = 400;
  readonly problems: ReadonlyArray<{ field: string; message: string }>;

  constructor(problems: ReadonlyArray<{ field: string; message: string }>) {
    super(problems.map(({ field, message }) => `${field}: ${message}`).join('; '));
    this.problems = problems;
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new BadInput([{ field: 'body', message: `send at most ${MAX_BODY_BYTES} bytes` }]);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Both forms a client may use for the token request, read by the parser of the platform itself (3cx.md §1.2). */
export async function readForm(request: IncomingMessage): Promise<Map<string, string>> {
  const body = await readBody(request);
  const contentType = request.headers['content-type'] ?? '';
  try {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
    return new Map([...form].flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : [])));
  } catch {
    const message = `send application/x-www-form-urlencoded or multipart/form-data, this was "${contentType}"`;
    throw new BadInput([{ field: 'body', message }]);
  }
}

export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = (await readBody(request)).toString();
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new BadInput([{ field: 'body', message: 'is not JSON; send one JSON object' }]);
  }
}

export function parseInput<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value === undefined ? {} : value);
  if (result.success) return result.data;
  throw new BadInput(
    result.error.issues.map(issue => ({ field: issue.path.map(String).join('.') || 'body', message: issue.message })),
  );
}
