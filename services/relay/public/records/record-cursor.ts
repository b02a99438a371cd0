import { type RecordCursor, recordCursor } from '@3cx-relay/shared/jobs/record-page.ts';
import { ProblemError } from '../problem-error.ts';

/** The one place that looks inside the cursors of clients. */
export function formatCursor(cursor: RecordCursor | null): string | null {
  return cursor && Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** @throws ProblemError for what the route never handed out */
export function parseCursor(text: string, readers: readonly RecordCursor['reader'][]): RecordCursor {
  const cursor = recordCursor.safeParse(decode(text));
  if (cursor.success && readers.includes(cursor.data.reader)) return cursor.data;
  throw new ProblemError('invalid_request', 'cursor: must be the "next" of an earlier answer of this route', 'cursor');
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
